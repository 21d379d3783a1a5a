"""Open311's service discovery (https://wiki.open311.org/Service_Discovery/), which GeoReport v2
requires: where the interface is, what it speaks and how one gets a key."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from configs.site import SiteFile

SPECIFICATION = "http://wiki.open311.org/GeoReport_v2"
FORMATS = ["text/xml", "application/json"]


class Changes:
    """When what can be reported last changed, as far as this console has seen."""

    def __init__(self) -> None:
        self._known: Any = None
        self._at = 0

    def at(self, sites: Sequence[SiteFile], now: int) -> int:
        """The time (ms) since which it is as it is in ``sites``."""
        services = [(file.site.id, file.residents.kinds) for file in sites]
        if services != self._known:
            self._known, self._at = services, now
        return self._at


def discovery(sites: Sequence[SiteFile], *, url: str, board: str, changed: int) -> dict[str, Any]:
    """The document; ``url`` is that of the interface, ``changed`` when it last did (ms)."""
    changeset = f"{datetime.fromtimestamp(changed / 1000, UTC):%Y-%m-%d %H:%M:%S}"
    names = ", ".join(file.site.name.in_(file.site.language) for file in sites)
    appeals = " ".join(
        dict.fromkeys(file.residents.appeal.in_(file.site.language) for file in sites)
    )
    return {
        "changeset": changeset,
        "contact": f"{names}: {board} {appeals}",
        "key_service": "A key for sending reports is given by who runs this console.",
        "endpoints": [
            {"specification": SPECIFICATION, "url": url, "changeset": changeset,
             "type": "production", "formats": FORMATS}
        ],
    }  # fmt: skip
