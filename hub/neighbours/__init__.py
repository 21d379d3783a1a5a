"""Residents who want an account: what is kept of them, and how it goes."""
