"""Putting an edge into service: find what is there, write its edge.yaml, install it."""
