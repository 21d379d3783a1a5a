"""The names of the signals that rules may speak of, what each means and what it needs."""

import math
import re

from configs.site import Place

COUNTED: dict[str, str] = {
    "flow": "persons' crossings of its lines",
    "door": "openings of its doors",
    "occupancy": "person-minutes in its views",
    "dwell": "stays of a minute or more in its views",
}
"""What is learned of: the word after ``surprise.``, and what it counts."""
_SURPRISES = {
    f"surprise.{what}{end}": meaning.format(counted=counted)
    for what, counted in COUNTED.items()
    for end, meaning in (
        ("", "how unusual the last hour's {counted} are, −log10 of their probability"),
        (".15m", "the same for the last 15 minutes"),
        (".5m", "the same for the last 5 minutes"),
        (".3h", "the same for the last three full hours"),
        (".news", "the more of the last hour's and the last three's; 0 once told as lasting"),
        (".low", "the least {counted} that an hour such as the last usually has"),
        (".high", "the most {counted} that an hour such as the last usually has"),
        (".count", "{counted} in the last full hour that was observed"),
    )
}

SIGNALS: dict[str, str] = {
    "occupancy.<label>": "how many are there now; overlapping views count once",
    "presence.<label>": "how sure it is that anyone is there, 0–1, fading when unseen",
    "flow.in": "persons who crossed a line into the place in the last minute",
    "flow.out": "persons who crossed a line out of the place in the last minute",
    "flow.in.<label>": "the same of others than persons, such as `flow.in.car`",
    "flow.out.<label>": "the same outwards",
    "dwell.<label>": "longest stay of anyone there now, seconds",
    "stationary.<label>": "how long the longest-standing one has stood still, seconds",
    "door.open_s": "how long its longest-open door has stood open, seconds",
    "door.forced": "1 while a controlled door stands open with no access granted",
    "tailgating": "persons who came in in the last minute beyond the access granted",
    "silence_s": "how long the longest-silent source has said nothing, seconds",
    "scene.fault": "faults of its cameras' pictures now",
    "scene.fault.<kind>": "1 while a camera has that fault: dark, blurred, covered, moved …",
    **_SURPRISES,
    "reports.<kind>": "residents' open reports of that kind; `hazard` counts all kinds of hazard",
    "patrol.missed": "walks in a row that missed the checkpoint there; 0 once one reaches it",
    "risk": "weighted sum of the others, 0–100 where the site says nothing else",
}
_WHOLE = frozenset({
    "occupancy.<label>", "flow.in", "flow.out", "flow.in.<label>", "flow.out.<label>",
    "door.forced", "tailgating", "scene.fault", "scene.fault.<kind>", "reports.<kind>",
    "patrol.missed",
})  # fmt: skip
FAULTS = ("dark", "blurred", "covered", "moved", "frozen", "lost")
_LABEL = re.compile(r"[a-z][a-z0-9 _-]{0,39}")


def is_signal(name: str) -> bool:
    """Whether a rule may name it."""
    family = family_of(name)
    if family.startswith("flow.") and name.endswith(".person"):
        return False  # that is what flow.in and flow.out are
    if family == "scene.fault.<kind>":
        return name.rpartition(".")[2] in FAULTS
    return family in SIGNALS


def is_told(name: str) -> bool:
    """Whether a signal says what people did, which the state store knows, and no record."""
    return name == "patrol.missed" or name.startswith("reports.")


def bounds(name: str) -> tuple[float, float]:
    """The least and the most that a signal can be."""
    shares = ("presence.<label>", "door.forced", "scene.fault.<kind>")
    return 0.0, 1.0 if family_of(name) in shares else math.inf


def counts(name: str) -> bool:
    """Whether a signal is always a whole number."""
    if name.startswith("surprise."):
        return name.endswith((".low", ".high", ".count"))
    return family_of(name) in _WHOLE


def family_of(name: str) -> str:
    """``occupancy.<label>`` for ``occupancy.person``; the name itself where it stands alone."""
    stem, _, last = name.rpartition(".")
    if _LABEL.fullmatch(last):
        for blank in ("<label>", "<kind>"):
            if f"{stem}.{blank}" in SIGNALS:
                return f"{stem}.{blank}"
    return name if "<" not in name else ""


_EXAMPLES = {"reports.": "hazard", "flow.in.": "car", "flow.out.": "car"}


def known_signals() -> list[str]:
    """Names to suggest; families stand with the label that is asked for most."""
    names = []
    for name in SIGNALS:
        stem, blank, _ = name.partition("<")
        example = _EXAMPLES.get(stem, "covered" if "kind" in name else "person")
        names.append(stem + example if blank else name)
    return names


def missing(name: str, place: Place) -> str:
    """What a place would need to have the signal; empty where it has all."""
    controlled = any(door.controlled for door in place.doors)
    if name.startswith("surprise."):
        return _missing_for_surprise(name.split(".")[1], place)
    match family_of(name):
        case "risk" | "reports.<kind>" | "patrol.missed":
            return ""
        case "flow.in" | "flow.out" | "flow.in.<label>" | "flow.out.<label>":
            return "" if place.lines else "a line"
        case "door.open_s":
            return "" if place.doors else "a door"
        case "door.forced":
            return "" if controlled else "a controlled door"
        case "tailgating":
            return "" if controlled and place.lines else "a line and a controlled door"
        case "scene.fault" | "scene.fault.<kind>":
            return "" if place.views or place.lines else "a camera"
        case "silence_s":
            return "" if place.views or place.lines or place.doors else "a view, a line or a door"
        case _:
            return "" if any(place.views) else "a view"


def _missing_for_surprise(what: str, place: Place) -> str:
    if what == "flow":
        return "" if place.lines else "a line"
    if what == "door":
        return "" if place.doors else "a door"
    return "" if any(place.views) else "a view"
