"""What is broken, by the last word of nodes, cameras and sensors; and a book of since when and
until when, for whoever asks what was broken in a shift that is over.

The book has a row for each spell of each trouble. It is kept in memory, looked at when a node or
a source says something of how it does, and written in the transaction of the batch.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from msgspec import Struct, to_builtins
from sqlalchemy import Connection, Engine, delete, or_, select, update

from hub.state.tables import TroubleSpell

BATTERY: Final = 15
"""Per cent. Higher: batteries are changed earlier."""
CLOCK_MS: Final = 2000
"""How far a node's clock may be off before durations suffer."""
OUTBOX: Final = 1000
"""Records that may wait at a node before it counts as held up."""
HOT: Final = 85.0
"""Degrees Celsius from which on processors slow themselves down."""
FLAP_MS: Final = 60_000
"""What comes again within this time had not gone. Higher: fewer rows of what comes and goes."""
UNKEPT: Final = "unkept"
"""The kind of a site's row that says until when no book was kept, or is kept no more."""
GROWING: Final = ("lost", "dropped")
"""Kinds that are counts since ever: what is broken is that they grow."""

Feed = tuple[str, str, str]
"""(site, node, source); "" as source is the node itself."""
What = tuple[str, str]
"""(kind, which fault)."""


class Sign(Struct, frozen=True):
    """One thing that is broken of a node or a source."""

    kind: str
    """A key of `web.language.TROUBLES`."""
    what: str = ""
    """Which fault of a camera, where it has a name."""
    detail: str = ""
    """A number, or the node's own words."""
    size: float = 0.0
    """Of several such the larger is the worse; for ``GROWING`` the count."""
    visit: bool = True
    """Whether somebody has to go there."""


def of_node(*, online: bool, clock_ms: int, lost: int, agent: Mapping[str, Any]) -> Iterator[Sign]:
    """What is wrong with a node; ``agent`` is what its agent last said of itself."""
    if not online:
        yield Sign("offline")
        return
    if abs(clock_ms) > CLOCK_MS:
        yield Sign("clock", "", f"{clock_ms / 1000:+.1f}", abs(clock_ms), visit=False)
    if lost:
        yield Sign("lost", "", str(lost), lost, visit=False)
    outbox, dropped, celsius = (_number(agent, name) for name in ("outbox", "dropped", "celsius"))
    if outbox > OUTBOX:
        yield Sign("outbox", "", f"{outbox:g}", outbox, visit=False)
    if dropped:
        yield Sign("dropped", "", f"{dropped:g}", dropped, visit=False)
    if celsius >= HOT:
        yield Sign("hot", "", f"{celsius:.0f}", celsius)


def of_source(*, ok: bool, detail: str, values: Mapping[str, Any]) -> Iterator[Sign]:
    """What is wrong with a camera or a sensor."""
    faults = [str(fault) for fault in values.get("faults") or ()]
    yield from (Sign("fault", fault) for fault in faults)
    if not ok and not faults:
        yield Sign("fault", "", detail or "lost")
    if values.get("tamper"):
        yield Sign("tamper")
    if values.get("available") is False:
        yield Sign("unavailable")
    battery = values.get("battery")
    if isinstance(battery, int) and battery <= BATTERY:
        yield Sign("battery", "", str(battery), -battery)


def _number(values: Mapping[str, Any], name: str) -> float:
    value = values.get(name)
    return value if isinstance(value, int | float) else 0


class Spell(Struct):
    """A row of ``trouble_spell`` in memory; its fields mean what the table's do."""

    site: str
    node: str
    source: str
    kind: str
    what: str
    since: int
    until: int | None = None
    detail: str = ""
    size: float = 0.0

    @property
    def feed(self) -> Feed:
        return self.site, self.node, self.source


class TroubleBook:
    """The spells of a hub's sites; those that changed are for the ledger to write."""

    def __init__(self) -> None:
        self._nodes: set[tuple[str, str]] = set()
        self._last: dict[Feed, dict[What, Spell]] = {}
        """The newest of each; it lasts where it has no end."""
        self._lasting: set[Feed] = set()
        self._counts: dict[Feed, dict[str, float]] = {}
        """How far the ``GROWING`` had grown."""
        self._changed: dict[tuple[str, str, str, str, str, int], Spell] = {}

    @property
    def rows(self) -> list[dict[str, Any]]:
        """What is to be written."""
        return [to_builtins(spell) for spell in self._changed.values()]

    def written(self) -> None:
        """It is committed."""
        self._changed.clear()

    def load(self, connection: Connection, sites: Iterable[str], now: int) -> set[str]:
        """Go on with the book of these sites, or begin it at ``now`` (ms); whose it begins."""
        begins = set()
        columns = [getattr(TroubleSpell, name) for name in Spell.__struct_fields__]
        fresh = or_(TroubleSpell.until.is_(None), TroubleSpell.until >= now - FLAP_MS)
        for site in sites:
            book = TroubleSpell.site == site
            begun = select(TroubleSpell.since).where(book, TroubleSpell.kind == UNKEPT)
            if connection.scalar(begun) is None:
                self._change(Spell(site, "", "", UNKEPT, "", 0, now))
                begins.add(site)
            rows = select(*columns).where(book, fresh, TroubleSpell.kind != UNKEPT)
            for row in connection.execute(rows.order_by(TroubleSpell.since)):
                spell = Spell(*row)
                self._nodes.add((spell.site, spell.node))
                self._last.setdefault(spell.feed, {})[spell.kind, spell.what] = spell
        for feed, spells in self._last.items():
            self._mark(feed, spells)
        return begins

    def remember(self, feed: Feed, signs: Iterable[Sign]) -> None:
        """Counts that have grown before are no news."""
        self._counts[feed] = {one.kind: one.size for one in signs if one.kind in GROWING}

    def look(self, feed: Feed, signs: Iterable[Sign], ts: int) -> None:
        """This is all that is broken of a node or a source at ``ts`` (ms)."""
        found = {(sign.kind, sign.what): sign for sign in signs}
        if not found and feed not in self._lasting and feed not in self._counts:
            return
        if feed[:2] not in self._nodes:
            return
        known = self._last.setdefault(feed, {})
        for what, spell in known.items():
            if spell.until is None and what not in found:
                spell.until = max(spell.since, ts)
                self._change(spell)
        counts = self._counts.pop(feed, {})
        for sign in found.values():
            if sign.kind not in GROWING:
                self._note(feed, known, sign, ts)
            else:
                self._grow(feed, known, sign, counts.get(sign.kind, 0.0), ts)
                self._counts.setdefault(feed, {})[sign.kind] = sign.size
        self._mark(feed, known)

    def _note(self, feed: Feed, known: dict[What, Spell], sign: Sign, ts: int) -> None:
        what = (sign.kind, sign.what)
        spell = known.get(what)
        if spell is None or (spell.until is not None and ts - spell.until >= FLAP_MS):
            spell = known[what] = Spell(*feed, *what, ts, None, sign.detail, sign.size)
        elif spell.until is None and sign.size <= spell.size:
            return
        else:
            spell.until = None
            if sign.size > spell.size:
                spell.detail, spell.size = sign.detail, sign.size
        self._change(spell)

    def _grow(
        self, feed: Feed, known: dict[What, Spell], sign: Sign, before: float, ts: int
    ) -> None:
        # Fewer dropped: a new outbox counts from nothing. Fewer lost: some came after all.
        more = sign.size - (0 if sign.kind == "dropped" and sign.size < before else before)
        if more <= 0:
            return
        spell = known.get((sign.kind, ""))
        if spell is None or spell.until is None or ts - spell.until >= FLAP_MS:
            spell = known[sign.kind, ""] = Spell(*feed, sign.kind, "", ts, ts)
        spell.until = max(ts, spell.since)
        spell.size += more
        spell.detail = f"{spell.size:g}"
        self._change(spell)

    def attend(self, nodes: set[tuple[str, str]], ts: int) -> None:
        """Keep book of these (site, node) alone from ``ts`` (ms) on: others are ours no more."""
        for feed in [feed for feed in self._last if feed[:2] not in nodes]:
            self.look(feed, (), ts)
            self._last.pop(feed, None)
        self._nodes = nodes

    def _mark(self, feed: Feed, known: Mapping[What, Spell]) -> None:
        if any(spell.until is None for spell in known.values()):
            self._lasting.add(feed)
        else:
            self._lasting.discard(feed)

    def _change(self, spell: Spell) -> None:
        self._changed[*spell.feed, spell.kind, spell.what, spell.since] = spell


def purge(engine: Engine, before: int) -> None:
    """Forget spells that ended before a time (ms): from then back no book is kept."""
    kept = TroubleSpell.kind != UNKEPT
    with engine.begin() as connection:
        connection.execute(delete(TroubleSpell).where(kept, TroubleSpell.until < before))
        unkept = update(TroubleSpell).where(~kept, TroubleSpell.until < before)
        connection.execute(unkept.values(until=before))
