"""What rules look for, against what the nodes say that their cameras look for.

A label with a slip of the pen, or one that the model of a node does not know, makes a rule that
never fires. `linli check` tells where the edge files are at hand; the hub has the nodes' word.
"""

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from configs.drawn import Drawn, lacking
from configs.problems import did_you_mean
from configs.site import SiteFile
from hub.ledger import Ledger

NOTICE: Final = "labels"
"""The key of what it shows."""
Abouts = Mapping[tuple[str, str], Mapping[str, Any]]
"""(site, node) → what it said of itself."""


def of_nodes(site: str, abouts: Abouts) -> Drawn:
    """What the nodes of a site say of their zones and lines; of an older agent nothing is known."""
    drawn = Drawn()
    for (its_site, node), about in abouts.items():
        for source in about.get("sources", ()) if its_site == site else ():
            name = source["id"]
            for zone, labels in source.get("zone_labels", {}).items():
                drawn.zones[node, name, zone] = labels
            for line, labels in source.get("line_labels", {}).items():
                drawn.lines[node, name, line] = labels
    return drawn


def never_seen(sites: Iterable[SiteFile], abouts: Abouts) -> list[str]:
    """A line for each condition that no camera of its rule's places can ever meet."""
    found = []
    for file in sites:
        drawn = of_nodes(file.site.id, abouts)
        for rule in file.rules:
            watched = [place for place in file.places if place.answers_to(rule.places)]
            for condition in rule.conditions():
                for one in condition.alternatives:
                    lacks = lacking(one.signal, watched, drawn)
                    if lacks is not None:
                        hint = did_you_mean(lacks.label, lacks.found) or _hint(lacks.part)
                        name = f"{file.site.id}/{rule.id}"
                        found.append(f"{name}: {one.signal}: {lacks.words} ({hint})")
    return found


def _hint(part: str) -> str:
    return f"add it to labels: of a {part}, and see that the node's model knows it"


class LabelWatch:
    """Shows on the console what can never fire; looks again when a node or the rules change."""

    def __init__(self, ledger: Ledger, notice: Callable[[str, str, int], None]) -> None:
        """``notice`` is `Pipeline.notice`."""
        self._ledger = ledger
        self._notice = notice
        self._seen: list[Any] = []
        self._told: str | None = None

    def look(self, sites: Sequence[SiteFile], now: int) -> None:
        """Look at ``now`` (ms). Raises SQLAlchemyError."""
        abouts = {key: node.about for key, node in self._ledger.nodes.items() if node.about}
        seen = [sites, *abouts.values()]
        if len(seen) == len(self._seen) and all(map(operator.is_, seen, self._seen)):
            return
        text = "\n".join(never_seen(sites, abouts))
        if text != self._told:
            self._notice(NOTICE, text, now)
        self._seen, self._told = seen, text
