"""Fusion: records of several sources become one number about a place, a signal.

One class for each family of signals, all with the interface of `hub.fusion.signal`,
none with a clock of its own.
"""
