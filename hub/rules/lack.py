"""What keeps a rule from firing, in parts, so that each reader gets it in words of their own."""

import enum

from msgspec import Struct


class Why(enum.StrEnum):
    """The kinds of what keeps a rule from firing."""

    FIRES = "fires"
    """Nothing does."""
    HOURS = "hours"
    """It is outside its active hours."""
    OVERRULED = "overruled"
    """An operator ended its alert, and its conditions have held since."""
    COOLDOWN = "cooldown"
    CONDITION = "condition"
    """A condition is not met."""


class Short(Struct, frozen=True, omit_defaults=True):
    """How far one threshold is from being met."""

    signal: str
    text: str
    """The threshold, as `hub.rules.threshold.spell` spells it."""
    value: float | None = None
    """None where no value is known."""
    away: float | None = None
    """How far the value is from the limit; None where it is beyond it."""
    held_s: float = 0.0
    """How long it has been beyond it, of the ``needed_s`` that it has to be, seconds."""
    needed_s: float = 0.0

    def in_words(self) -> str:
        """In English, as the rule's file spells it."""
        if self.value is None:
            return f"{self.text}: no value is known"
        if self.away is not None:
            return f"{self.text}: it is {self.value:g}, {self.away:g} away"
        return f"{self.text}: held for {self.held_s:g} s of {self.needed_s:g} s"


class Lack(Struct, frozen=True, omit_defaults=True):
    """One thing that keeps a rule from firing."""

    why: Why
    left_s: float = 0.0
    """How much longer its cooldown goes on, seconds."""
    short: tuple[Short, ...] = ()
    """Of a condition that is not met: each of its alternatives."""

    def in_words(self) -> str:
        """In English, as the rule's file spells it."""
        match self.why:
            case Why.FIRES:
                return "it fires"
            case Why.HOURS:
                return "outside its hours"
            case Why.OVERRULED:
                return "an operator ended its alert, and its conditions have held since"
            case Why.COOLDOWN:
                return f"in its cooldown for another {self.left_s:g} s"
            case Why.CONDITION:
                return " or ".join(short.in_words() for short in self.short)
