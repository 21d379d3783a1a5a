"""What the doctor found: one thing that was looked at, how it is, and the remedy."""

import enum

from msgspec import Struct


class Verdict(enum.StrEnum):
    """How a thing is."""

    GOOD = "good"
    WARNING = "warning"
    """It works, but will not for long, or not always."""
    FAILED = "failed"


class Finding(Struct, frozen=True, omit_defaults=True):
    """One line of the doctor's report."""

    part: str
    """What was looked at, such as ``camera cam-yard`` or ``broker``."""
    verdict: Verdict
    says: str
    remedy: str = ""
    """What to do; there is one wherever the verdict is not good."""
    figures: dict[str, float] = {}
    """What was measured, with units in the names."""


def good(part: str, says: str, **figures: float) -> Finding:
    """All is well."""
    return Finding(part, Verdict.GOOD, says, "", figures)


def warning(part: str, says: str, remedy: str, **figures: float) -> Finding:
    """It works, with a but."""
    return Finding(part, Verdict.WARNING, says, remedy, figures)


def failed(part: str, says: str, remedy: str, **figures: float) -> Finding:
    """It does not work."""
    return Finding(part, Verdict.FAILED, says, remedy, figures)
