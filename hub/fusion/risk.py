"""``risk``: one number for how much a place needs eyes, with the terms it is made of."""

from collections.abc import Sequence

from msgspec import Struct

from configs.site import RiskTerm


class Term(Struct, frozen=True):
    """What one signal adds to the risk at the moment."""

    signal: str
    value: float
    adds: float
    most: float
    """What it could add."""


class Risk:
    """Σ over the site's terms of weight · min(1, value ÷ full), rounded to a whole number.

    A signal that the place does not have, or that is not known yet, adds nothing.
    """

    def __init__(self, terms: Sequence[RiskTerm]) -> None:
        self._terms = terms
        self._values: list[float | None] = [None] * len(terms)
        self._adds = [0.0] * len(terms)
        self._index = {term.signal: index for index, term in enumerate(terms)}
        self.signals = frozenset(self._index)

    def learn(self, name: str, value: float) -> None:
        """One of `signals` took a value."""
        index = self._index[name]
        term = self._terms[index]
        self._values[index] = value
        self._adds[index] = term.weight * min(1.0, value / term.full) if value > 0 else 0.0

    def value(self) -> float:
        """The risk now."""
        return float(round(sum(self._adds)))  # always in this order: a restart rounds alike

    def terms(self) -> list[Term]:
        """What each signal adds, the most first; those that add nothing are left out."""
        found = [
            Term(term.signal, value, adds, term.weight)
            for term, value, adds in zip(self._terms, self._values, self._adds, strict=True)
            if value is not None and adds
        ]
        return sorted(found, key=lambda term: -term.adds)
