"""The model catalog, the starter weights that ship with Linli, and how they were trained.

Imports configs alone; needs no inference library.
"""
