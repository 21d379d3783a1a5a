"""Fuses what the edges report, stores it, holds it against rules, raises alerts.

Imports wire, configs and health; never edge or web.
"""
