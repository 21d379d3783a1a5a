"""Where things stand in the simulated street, in metres (see view.py for the axes)."""

FACADE_Z = 21.0
"""The front of the building; beyond it is inside."""
DOOR_X = (-2.4, -0.5)
DOOR_HEIGHT = 2.4
LOBBY_Z = 22.4
"""Where residents come from and vanish to."""
PAVEMENT_Z = (18.4, 21.0)
DRIVE_Z = (15.6, 18.4)
BAY_X = (2.1, 7.1)
CAR_Z = 17.0
PLAZA_Z = (8.2, 15.6)
GATE_X = (-1.7, 1.7)
GATE_Z = 8.2
FRONT_Z = 2.6
"""Behind the lower edge of the picture, feet to head."""

TREES: tuple[tuple[float, float, float], ...] = (
    (-6.3, 14.2, 3.0),
    (6.6, 12.4, 2.8),
    (-7.6, 19.2, 3.4),
)
"""(x, z, height)."""

COURTYARD = ((0.12, 0.715), (0.88, 0.715), (0.99, 0.41), (0.01, 0.41))
"""A zone, as fractions of the picture: the paved yard between the gate and the drive."""
GATE_LINE = ((0.78, 0.735), (0.22, 0.735))
"""A line across the gate, as fractions: a crossing that ends on its right comes in."""
