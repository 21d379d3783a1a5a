"""Runs the rooms together on one machine: ``linli up`` and ``linli demo``.

Each room is a process of its own, started by its command line; nothing here reaches into
a running one.
"""
