"""The names of the signals that rules may speak of, and what each means."""

import re

SIGNALS: dict[str, str] = {
    "occupancy.<label>": "how many are there now; overlapping views count once",
    "presence.<label>": "how sure it is that anyone is there, 0–1, fading when unseen",
    "flow.in": "crossings into the place in the last minute",
    "flow.out": "crossings out of the place in the last minute",
    "dwell.<label>": "longest stay of anyone there now, seconds",
    "door.open_s": "how long its longest-open door has stood open, seconds",
    "door.forced": "1 while a controlled door stands open with no access granted",
    "silence_s": "how long the longest-silent source has said nothing, seconds",
}
_LABEL = re.compile(r"[a-z][a-z0-9 _-]{0,39}")


def is_signal(name: str) -> bool:
    """Whether a rule may name it."""
    if name in SIGNALS:
        return "<" not in name
    family, _, label = name.partition(".")
    return f"{family}.<label>" in SIGNALS and _LABEL.fullmatch(label) is not None


def known_signals() -> list[str]:
    """Names to suggest; families stand with the label that is asked for most."""
    return [name.replace("<label>", "person") for name in SIGNALS]
