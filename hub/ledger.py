"""What the hub knows of nodes, sources and outboxes, in memory and in the state store.

Everything here is loaded once at the start, changed in memory as batches are handled,
and written back, as far as it changed, in the transaction of the batch.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from msgspec import UNSET, Struct, to_builtins
from sqlalchemy import Connection, Executable, Table, select
from sqlalchemy.dialects import postgresql, sqlite

from configs.site import SiteFile
from hub.admit import Cursor, Gap
from hub.state.tables import (
    EpochCursor,
    NodeState,
    Picture,
    PlaceState,
    SourceState,
    TroubleSpell,
)
from hub.troubles import Sign, TroubleBook, of_node, of_source
from wire.records import (
    AGENT,
    AnyRecord,
    DoorAccess,
    DoorState,
    NodeHealth,
    SceneFault,
)

NodeKey = tuple[str, str]
SourceKey = tuple[str, str, str]


class Node(Struct):
    """A row of ``node_state`` in memory; its fields mean what the table's do."""

    online: bool = False
    online_at: int = 0
    epoch: str = ""
    about: dict[str, Any] = {}
    last_ts: int = 0
    last_rx: int = 0
    clock_ms: int = 0
    admitted: int = 0
    duplicate: int = 0
    late: int = 0
    lost: int = 0
    unknown: int = 0
    bad: int = 0


class Source(Struct):
    """A row of ``source_state`` in memory; its fields mean what the table's do."""

    kind: str = "camera"
    last_ts: int = 0
    ok: bool = True
    detail: str = ""
    values: dict[str, Any] = {}
    evidence: str = ""
    evidence_ts: int = 0
    told: str = ""
    """The ref of the newest picture that a record spoke of; it may still be on its way."""
    told_ts: int = 0
    fault_ts: dict[str, int] = {}
    """When word of a fault came last; of one that is missing, not before ``fault_since``."""
    fault_since: int = 0


class Ledger:
    """Nodes, sources, outbox cursors and place values, each with what has changed."""

    def __init__(self) -> None:
        self.nodes: dict[NodeKey, Node] = defaultdict(Node)
        self.sources: dict[SourceKey, Source] = defaultdict(Source)
        self.cursors: dict[SourceKey, Cursor] = {}
        """(site, node, epoch) → cursor."""
        self.troubles = TroubleBook()
        self.changed_nodes: set[NodeKey] = set()
        self.changed_sources: set[SourceKey] = set()
        self.changed_cursors: set[SourceKey] = set()

    def load(self, connection: Connection) -> None:
        """Take everything up from the state store."""
        for row in connection.execute(select(NodeState.__table__)).mappings():
            self.nodes[row["site"], row["node"]] = _from_row(Node, row)
        for row in connection.execute(select(SourceState.__table__)).mappings():
            source = _from_row(Source, row)
            source.fault_since = source.last_ts
            self.sources[row["site"], row["node"], row["source"]] = source
        for row in connection.execute(select(EpochCursor.__table__)).mappings():
            gaps = [Gap(*gap) for gap in row["gaps"]]
            self.cursors[row["site"], row["node"], row["epoch"]] = Cursor(
                row["low"], row["high"], gaps, row["given_up"]
            )

    def cursor(self, site: str, node: str, epoch: str, first_seq: int) -> Cursor:
        """The cursor of an outbox, begun before ``first_seq`` where it is new."""
        key = (site, node, epoch)
        if key not in self.cursors:
            self.cursors[key] = Cursor.before(first_seq)
        self.changed_cursors.add(key)
        return self.cursors[key]

    def count_lost(self, opened_before: int, now: int) -> int:
        """Call long-open gaps lost; the records lost in all outboxes of all nodes."""
        lost: dict[NodeKey, int] = defaultdict(int)
        for (site, node, epoch), cursor in self.cursors.items():
            if cursor.count_lost(opened_before):
                self.changed_cursors.add((site, node, epoch))
            lost[site, node] += cursor.lost
        for key, count in lost.items():
            if self.nodes[key].lost != count:
                self.nodes[key].lost = count
                self.changed_nodes.add(key)
                self.look_at_node(*key, now)
        return sum(lost.values())

    def hear(self, site: str, node: str, record: AnyRecord) -> bool:
        """Note a record as the last word of its source; whether a page should be told."""
        key = (site, node, record.source)
        source = self.sources[key]
        told = False
        if record.evidence is not UNSET and record.ts >= source.told_ts:
            source.told, source.told_ts = record.evidence, record.ts
        take = _TAKES.get(type(record))
        if record.ts >= source.last_ts:
            source.last_ts = record.ts
        elif type(record) is not SceneFault:
            take = None
        if take is not None:
            told = take(source, record)
            self._look_at(key, record.ts)
        self.changed_sources.add(key)
        return told

    def attend(
        self, connection: Connection, sites: Iterable[SiteFile], added: Iterable[str], now: int
    ) -> None:
        """Keep the book of what is broken for these sites from ``now`` (ms) on, of which those
        ``added`` were not watched before."""
        nodes = {(file.site.id, node.id) for file in sites for node in file.nodes}
        begins = self.troubles.load(connection, added, now)
        self.troubles.attend(nodes, now)
        for site, node in sorted(nodes - set(self.nodes)):
            self.troubles.look((site, node, ""), (Sign("unseen"),), now)
        for site, node in sorted(nodes & set(self.nodes)):
            state = self.nodes[site, node]
            known = site in begins and not state.online
            self.troubles.remember((site, node, ""), self._signs_of_node(site, node))
            self.look_at_node(site, node, min(state.online_at, now) if known else now)
        for key in [key for key in self.sources if key[:2] in nodes and key[2] != AGENT]:
            self._look_at(key, now)

    def look_at_node(self, site: str, node: str, ts: int) -> None:
        """Put on the books what is broken of a node at ``ts`` (ms), and what is no more."""
        self.troubles.look((site, node, ""), self._signs_of_node(site, node), ts)

    def _signs_of_node(self, site: str, node: str) -> Iterable[Sign]:
        state, agent = self.nodes[site, node], self.sources.get((site, node, AGENT))
        return of_node(
            online=state.online, clock_ms=state.clock_ms, lost=state.lost,
            agent=agent.values if agent is not None else {},
        )  # fmt: skip

    def _look_at(self, key: SourceKey, ts: int) -> None:
        if key[2] == AGENT:
            self.look_at_node(*key[:2], ts)
        else:
            source = self.sources[key]
            signs = of_source(ok=source.ok, detail=source.detail, values=source.values)
            self.troubles.look(key, signs, ts)

    def write(self, connection: Connection) -> None:
        """Write back what has changed; call `written` once that is committed."""
        upsert(
            connection,
            NodeState.__table__,
            [{"site": key[0], "node": key[1], **to_builtins(self.nodes[key])}
             for key in self.changed_nodes],
        )  # fmt: skip
        upsert(
            connection,
            EpochCursor.__table__,
            [{"site": key[0], "node": key[1], "epoch": key[2], **to_builtins(self.cursors[key])}
             for key in self.changed_cursors],
        )  # fmt: skip
        upsert(connection, TroubleSpell.__table__, self.troubles.rows)

    def write_sources(self, connection: Connection) -> None:
        """Write back the sources that have changed."""
        rows = []
        for site, node, source in self.changed_sources:
            row = to_builtins(self.sources[site, node, source])
            for name in ("told", "told_ts", "fault_ts", "fault_since"):
                del row[name]
            rows.append({"site": site, "node": node, "source": source, **row})
        upsert(connection, SourceState.__table__, rows)

    def written(self, *, sources: bool) -> None:
        """What has changed is committed."""
        self.changed_nodes.clear()
        self.changed_cursors.clear()
        self.troubles.written()
        if sources:
            self.changed_sources.clear()


def _from_row(kind: Any, row: Mapping[Any, Any]) -> Any:
    return kind(**{name: row[name] for name in kind.__struct_fields__ if name in row})


def _take_door(source: Source, record: DoorState) -> bool:
    source.kind = "door"
    before, source.values = source.values, _door(record, source.values)
    return before != source.values


def _take_access(source: Source, _record: DoorAccess) -> bool:
    source.kind = "door"
    return False


def _take_health(source: Source, record: NodeHealth) -> bool:
    source.kind = "agent" if record.source == AGENT else source.kind
    news = (record.ok, record.detail) != (source.ok, source.detail)
    source.ok, source.detail = record.ok, record.detail
    health = to_builtins(record)
    for gone in ("type", "seq", "ts", "source", "ok", "detail", "evidence"):
        health.pop(gone, None)
    source.values = {**source.values, **health}
    return news


def _take_fault(source: Source, record: SceneFault) -> bool:
    # A node that was cut off tells of now first and of before later: its camera may say that it
    # sees people before the hub hears that it was turned away meanwhile.
    fault = str(record.fault)
    if record.ts < source.fault_ts.get(fault, source.fault_since):
        return False
    source.fault_ts[fault] = record.ts
    before = source.values
    faults = set(before.get("faults", ()))
    (faults.add if record.active else faults.discard)(fault)
    source.values = {**before, "faults": sorted(faults)}
    return before != source.values


_TAKES: Mapping[type[AnyRecord], Callable[[Source, Any], bool]] = {
    DoorState: _take_door,
    DoorAccess: _take_access,
    NodeHealth: _take_health,
    SceneFault: _take_fault,
}
"""What a record of a type changes of its source; the others only show that it speaks."""


def _door(record: DoorState, known: dict[str, Any]) -> dict[str, Any]:
    moved = record.open != known.get("open")
    values = {**known, "open": record.open}
    values["since_ts"] = record.ts if moved else known.get("since_ts", record.ts)
    for name in ("battery", "tamper", "linkquality", "available"):
        value = getattr(record, name)
        if value is not UNSET:
            values[name] = value
    return values


def upsert(
    connection: Connection, table: Any, rows: list[dict[str, Any]], *, keep: tuple[str, ...] = ()
) -> None:
    """Insert rows, or overwrite those with the same primary key, but for the columns ``keep``."""
    if rows:
        statement = _upserting(connection.dialect.name, table, tuple(rows[0]), keep)
        connection.execute(statement, rows)


@lru_cache(maxsize=64)
def _upserting(
    dialect_name: str, table: Table, columns: tuple[str, ...], keep: tuple[str, ...]
) -> Executable:
    """Kept, because building one takes longer than executing it, and every batch needs some."""
    dialect = postgresql if dialect_name == "postgresql" else sqlite
    statement = dialect.insert(table)
    keys = [column.name for column in table.primary_key]
    new = {name: statement.excluded[name] for name in columns if name not in (*keys, *keep)}
    upserting: Executable = statement.on_conflict_do_update(index_elements=keys, set_=new)
    return upserting


def picture_rows(site: str, node: str, records: Iterable[AnyRecord]) -> list[dict[str, Any]]:
    """A row for each picture that records speak of; it may have arrived already."""
    return [
        {"site": site, "node": node, "ref": r.evidence, "source": r.source, "ts": r.ts, "size": 0}
        for r in records
        if r.evidence is not UNSET
    ]


def place_rows(
    changed: Iterable[tuple[str, str]], values: Mapping[tuple[str, str], Mapping[str, list[float]]],
    clocks: Mapping[tuple[str, str], int],
) -> list[dict[str, Any]]:  # fmt: skip
    """Rows of ``place_state`` for the places that changed."""
    return [
        {
            "site": site,
            "place": place,
            "signals": {
                name: {"value": value, "ts": int(ts)}
                for name, (value, ts) in values[site, place].items()
            },
            "ts": clocks[site, place],
        }
        for site, place in changed
    ]


PICTURES = Picture.__table__
PLACES = PlaceState.__table__
