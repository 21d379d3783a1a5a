"""The simulated street: a rendered courtyard whose truth is known, for demos, tests and load."""

from edge.street.counts import Crossing, truth_count, truth_crossings
from edge.street.plan import COURTYARD, GATE_LINE
from edge.street.scene import Car, Person, Street, Truth

__all__ = [
    "COURTYARD",
    "GATE_LINE",
    "Car",
    "Crossing",
    "Person",
    "Street",
    "Truth",
    "truth_count",
    "truth_crossings",
]
