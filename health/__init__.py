"""What a service tells whoever watches it: is it alive, is it ready, what has it counted.

Used by edge and hub; imports no other room.
"""

from health.server import HealthServer

__all__ = ["HealthServer"]
