"""A site with a believable moment in it, for tests and for looking at the pages."""

import itertools
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from sqlalchemy import Connection, Engine, insert, select, update

from configs.rules import Alternative, Clear, Condition, Rule, Severity
from configs.site import (
    CountingLine,
    DoorOf,
    NodeOf,
    Override,
    Place,
    Site,
    SiteFile,
    SourceOf,
    View,
)
from configs.values import Duration, Text
from hub.analysis import annotations, flows, risk
from hub.analysis.anomaly import Found, Window
from hub.analysis.digest import Digest, inside
from hub.analysis.hazards import Piles
from hub.analysis.hours import HOUR_MS, Hour
from hub.analysis.incidents import foresee
from hub.analysis.repeats import Repeats
from hub.analysis.shelf import Shelf
from hub.analysis.words import Words
from hub.cases import blocks
from hub.cases.photos import show_photo
from hub.cases.receive import NewReport, receive
from hub.cases.senders import marks
from hub.cases.tables import CasePhoto
from hub.cases.vault import Vault
from hub.patrols import plans, signup
from hub.patrols.checkin import Seen, check_in
from hub.patrols.codes import code_of
from hub.patrols.plans import NewPlan
from hub.patrols.tables import Patrol
from hub.rules.place import Unusual
from hub.series.points import Entry, SignalPoint, Stored
from hub.series.sqlite import SqliteSeries
from hub.state.tables import (
    Alert,
    AlertEvent,
    Change,
    NodeState,
    Picture,
    PlaceState,
    SourceState,
    TroubleSpell,
)
from hub.troubles import UNKEPT
from wire.records import AnyRecord, DoorState, ZoneCount, ZoneDwell, ZoneEnter, ZoneExit

_ids = itertools.count(1)


GARDEN = Path(__file__).parents[2] / "configs" / "garden"


RULES = (
    Rule(
        id="night-intrusion",
        title=Text("Someone is there after hours", "夜间有人"),
        places=("bike-shed", "courtyard"),
        when=(Condition(signal="presence.person", above=0.7, for_=Duration(3000)),),
        clear=Clear(below=0.3, for_=Duration(30_000)),
        severity=Severity.CRITICAL,
    ),
    Rule(
        id="door-open",
        title=Text("Door has stood open too long", "门长时间未关"),
        places=("*",),
        when=(Condition(any=(Alternative(signal="door.open_s", above=300),)),),
    ),
)


def site_file() -> SiteFile:
    """Six places on two nodes, with a plan and two rules."""
    gate, yard = "gate-1", "yard-1"
    return SiteFile(
        rules=RULES,
        overrides=(
            Override(rule="door-open", places=("pump-room",), set_={"when[0].any[0].above": 60}),
        ),
        site=Site(
            id="garden",
            name=Text("Garden Court", "花园小区"),
            timezone="Asia/Shanghai",
            plan=str(GARDEN / "plan.svg"),
        ),
        nodes=(
            NodeOf(
                id=gate,
                name=Text("Gatehouse", "门岗"),
                sources=(
                    SourceOf(id="cam-gate", name=Text("Gate camera", "大门摄像头"), at=(120, 270)),
                    SourceOf(id="door-gate", name=Text("Gate", "大门"), at=(30, 262)),
                    SourceOf(id="cam-lobby", name=Text("Lobby camera", "大堂摄像头"), at=(250, 90)),
                    SourceOf(id="door-pump", name=Text("Pump room door", "泵房门"), at=(400, 80)),
                ),
            ),
            NodeOf(
                id=yard,
                name=Text("Courtyard cabinet", "庭院机柜"),
                sources=(
                    SourceOf(id="cam-yard", name=Text("Yard camera", "庭院摄像头"), at=(330, 240)),
                    SourceOf(id="cam-lane", name=Text("Lane camera", "通道摄像头"), at=(600, 260)),
                    SourceOf(id="cam-bikes", name=Text("Shed camera", "车棚摄像头"), at=(440, 290)),
                    SourceOf(id="door-shed", name=Text("Shed door", "车棚门"), at=(540, 300)),
                    SourceOf(id="cam-roof", name=Text("Roof camera", "屋顶摄像头"), at=(500, 50)),
                ),
            ),
        ),
        places=(
            Place(
                id="west-gate",
                at=(70, 305),
                name=Text("West gate", "西门"),
                views=((View(node=gate, source="cam-gate", zone="gate"),),),
                lines=(CountingLine(node=gate, source="cam-gate", line="in"),),
                doors=(DoorOf(node=gate, source="door-gate", controlled=True),),
            ),
            Place(
                id="courtyard",
                at=(330, 290),
                name=Text("Courtyard", "庭院"),
                views=((View(node=yard, source="cam-yard", zone="yard"),),),
            ),
            Place(
                id="bike-shed",
                at=(500, 330),
                name=Text("Bike shed", "自行车棚"),
                views=((View(node=yard, source="cam-bikes", zone="shed"),),),
                doors=(DoorOf(node=yard, source="door-shed"),),
            ),
            Place(
                id="lobby-3",
                at=(180, 140),
                name=Text("Lobby of building 3", "3 号楼大堂"),
                views=((View(node=gate, source="cam-lobby", zone="lobby"),),),
                doors=(DoorOf(node=gate, source="door-lobby"),),
            ),
            Place(
                id="fire-lane",
                at=(560, 210),
                name=Text("Fire lane", "消防通道"),
                views=((View(node=yard, source="cam-lane", zone="lane"),),),
            ),
            Place(
                id="pump-room",
                at=(460, 110),
                name=Text("Pump room", "水泵房"),
                doors=(DoorOf(node=gate, source="door-pump"),),
            ),
        ),
    )


def fill(engine: Engine, data: Path, now: int) -> None:
    """Write the moment ``now`` (ms)."""
    with engine.begin() as connection:
        node(connection, "gate-1", now, late=3, duplicate=12)
        node(connection, "yard-1", now, late=41, duplicate=2, lost=4)
        _places(connection, data, now)
        _doors(connection, now)
        alert(connection, now - 190_000, "bike-shed", rule="night-intrusion", severity="critical",
              title=("Someone in the bike shed after hours", "夜间有人进入自行车棚"),
              value=0.93, evidence="yard-1/bikes-1", late=True)  # fmt: skip
        alert(connection, now - 1_450_000, "lobby-3", rule="door-open", severity="medium",
              title=("Door has stood open too long", "门长时间未关"), signal="door.open_s",
              value=1330.0, text="door.open_s above 300 for 10 s",
              acknowledged_by="王伟")  # fmt: skip
        alert(connection, now - 40_000, "west-gate", rule="crowd", severity="low",
              title=("Many people at the gate", "大门人员聚集"), signal="occupancy.person",
              value=9.0, text="mean of occupancy.person over 20 s above 8")  # fmt: skip
        alert(connection, now - 9_000_000, "courtyard", rule="loitering", severity="high",
              title=("Someone is staying in the courtyard", "有人在庭院长时间停留"),
              signal="dwell.person", value=640.0, text="dwell.person above 600",
              state="resolved")  # fmt: skip


def alert(
    connection: Connection,
    ts: int,
    place: str,
    *,
    rule: str = "night-intrusion",
    severity: str = "high",
    title: tuple[str, str] = ("Someone in the courtyard after hours", "夜间有人进入庭院"),
    signal: str = "presence.person",
    value: float = 0.82,
    text: str = "presence.person above 0.7 for 3 s",
    state: str = "firing",
    evidence: str = "",
    late: bool = False,
    acknowledged_by: str = "",
) -> str:
    """An alert that fired at ``ts``, with its story and its change; returns its id."""
    name = f"a{next(_ids):07d}"
    fired = None if state == "pending" else ts
    details = {
        "title": {"en": title[0], "zh": title[1]},
        "advice": {"en": "Send the nearest patrol.", "zh": "请就近派人查看。"},
        "values": [{"signal": signal, "value": value, "text": text}],
    }
    row = {
        "id": name, "site": "garden", "place": place, "rule": rule, "severity": severity,
        "state": state, "pending_ts": ts - 3000, "fired_ts": fired,
        "fired_rx": fired and ts + (48_000 if late else 310),
        "resolved_ts": ts + 60_000 if state == "resolved" else None,
        "resolved_by": "rule" if state == "resolved" else "", "late": late, "details": details,
        "evidence": evidence, "acknowledged_by": acknowledged_by,
        "acknowledged_at": ts + 35_000 if acknowledged_by else None,
    }  # fmt: skip
    connection.execute(insert(Alert).values(row))
    for kind, at in (("pending", ts - 3000), ("firing", ts), ("resolved", ts + 60_000)):
        if kind == "pending" or (fired and kind == "firing") or state == kind:
            event = {"alert": name, "kind": kind, "ts": at, "at": at, "actor": "hub", "note": ""}
            connection.execute(insert(AlertEvent).values(event))
    change(connection, "alert", name, ts)
    return name


def case(engine: Engine, data: Path, now: int, **more: Any) -> dict[str, str]:
    """A resident's report with a photo; the ids of the case, its link and the photo."""
    told = NewReport(**({"kind": "fire-lane", "text": "A van blocks the fire lane",
                         "place": "fire-lane", "photos": (_street(7),)} | more))  # fmt: skip
    got = receive(engine, site_file(), told, vault=Vault(data), data=data, now=now)
    with engine.connect() as connection:
        photo = connection.scalar(select(CasePhoto.ref).where(CasePhoto.case == got.case))
    return {"case": got.case, "token": got.token, "code": got.code, "photo": photo or ""}


def patrol(engine: Engine, data: Path, now: int, resident: int = 0) -> dict[str, str]:
    """A walk that goes on past the fire lane, with a check-in of a resident; its ids."""
    new = NewPlan(title="Evening walk", route=["fire-lane", "bike-shed"], first_at=now,
                  length_ms=45 * 60_000, capacity=6, weekly=True)  # fmt: skip
    plan = plans.plan(engine, site_file(), new, actor="li", now=now - 1)
    with engine.connect() as connection:
        walk = connection.scalar(select(Patrol.id).where(Patrol.plan == plan)) or ""
    code = code_of(Vault(data), "garden", "fire-lane")
    signup.sign_up(engine, walk, resident, most=100, now=now)
    seen = Seen(site="garden", place="fire-lane", code=code, at=now, note="A van blocks it")
    got = check_in(engine, Vault(data), resident, seen, now=now)
    return {"walk": walk, "plan": plan, "checkpoint": code, "check_in": got.id}


def shown_case(engine: Engine, data: Path, now: int) -> dict[str, str]:
    """A report whose photo is on the public board, and whose sender is blocked."""
    sender = marks(Vault(data), "a phone", "203.0.113.7")
    told = case(engine, data, now, blurred=True, sender=sender)
    blocks.block(engine, told["case"], "device", reason="nonsense", days=7, actor="li", now=now)
    show_photo(engine, told["case"], told["photo"], shown=True, actor="li", now=now)
    return told


def change(connection: Connection, kind: str, key: str, at: int) -> None:
    """News for the pages."""
    row = {"kind": kind, "site": "garden", "key": key, "at": at}
    connection.execute(insert(Change).values(row))


def node(connection: Connection, name: str, now: int, **counters: int) -> None:
    """A node that is online and spoke a second ago."""
    row = {"site": "garden", "node": name, "online": True, "online_at": now - 86_000_000,
           "epoch": "e1", "about": {"agent": "0.1.0"}, "last_ts": now - 1200,
           "last_rx": now - 1000, "clock_ms": -40, **counters}  # fmt: skip
    connection.execute(insert(NodeState).values(row))


def picture(connection: Connection, data: Path, node: str, ref: str, source: str, ts: int) -> None:
    """A picture that has arrived: a street at night, more or less."""
    folder = data / "pictures" / "garden" / node
    folder.mkdir(parents=True, exist_ok=True)
    jpeg = _street(sum(ref.encode()))
    (folder / f"{ref}.jpg").write_bytes(jpeg)
    row = {"site": "garden", "node": node, "ref": ref, "source": source, "ts": ts}
    connection.execute(insert(Picture).values({**row, "size": len(jpeg)}))


def _street(seed: int) -> bytes:
    random = np.random.default_rng(seed)
    image = np.zeros((360, 640, 3), np.uint8)
    image[:, :, :] = np.linspace(38, 96, 360, dtype=np.uint8)[:, None, None]
    image[:, :, 0] += 14
    for _ in range(7):
        x, h = int(random.integers(0, 600)), int(random.integers(90, 210))
        tone = int(random.integers(50, 92))
        cv2.rectangle(image, (x, 210 - h), (x + 110, 210), (tone + 16, tone + 6, tone), -1)
    for _ in range(3):
        x, y = int(random.integers(60, 580)), int(random.integers(235, 300))
        cv2.ellipse(image, (x, y), (12, 34), 0, 0, 360, (120, 140, 150), -1)
        cv2.circle(image, (x, y - 44), 13, (150, 160, 170), -1)
    blurred = cv2.GaussianBlur(image, (0, 0), 2.2)
    return bytes(cv2.imencode(".jpg", blurred)[1])


def _places(connection: Connection, data: Path, now: int) -> None:
    moments = {
        "west-gate": ("gate-1", "cam-gate", {"occupancy.person": 9.0, "presence.person": 1.0,
                      "dwell.person": 74.0, "flow.in": 11.0, "flow.out": 4.0,
                      "occupancy.bicycle": 2.0, "occupancy.car": 1.0}),
        "courtyard": ("yard-1", "cam-yard", {"occupancy.person": 0.0, "presence.person": 0.12,
                      "dwell.person": 0.0}),
        "bike-shed": ("yard-1", "cam-bikes", {"occupancy.person": 1.0, "presence.person": 0.93,
                      "dwell.person": 186.0}),
        "lobby-3": ("gate-1", "cam-lobby", {"occupancy.person": 2.0, "presence.person": 0.97,
                    "dwell.person": 33.0}),
        "fire-lane": ("yard-1", "cam-lane", {"occupancy.person": 0.0, "presence.person": 0.0,
                      "dwell.person": 0.0, "occupancy.car": 1.0}),
    }  # fmt: skip
    for number, (place, (name, source, values)) in enumerate(moments.items()):
        ts = now - 900 - 1500 * number
        ref = f"{source.removeprefix('cam-')}-1"
        picture(connection, data, name, ref, source, ts)
        signals = {key: {"value": value, "ts": ts} for key, value in values.items()}
        row = {"site": "garden", "place": place, "signals": signals, "ts": ts}
        connection.execute(insert(PlaceState).values(row))
        faults = ["blurred"] if place == "fire-lane" else []
        row = {"site": "garden", "node": name, "source": source, "kind": "camera", "last_ts": ts,
               "values": {"fps": 12.5, "faults": faults}, "evidence": ref,
               "evidence_ts": ts}  # fmt: skip
        connection.execute(insert(SourceState).values(row))


def _doors(connection: Connection, now: int) -> None:
    doors = (
        ("gate-1", "door-gate", False, 190_000, 88),
        ("yard-1", "door-shed", True, 205_000, 9),
        ("gate-1", "door-lobby", True, 1_760_000, 61),
        ("gate-1", "door-pump", False, 70_000_000, 97),
    )
    for name, source, is_open, ago, battery in doors:
        values = {"open": is_open, "since_ts": now - ago, "battery": battery, "tamper": False}
        row = {"site": "garden", "node": name, "source": source, "kind": "door",
               "last_ts": now - 5000, "values": values}  # fmt: skip
        connection.execute(insert(SourceState).values(row))


def broke(engine: Engine, now: int) -> None:
    """What broke and was mended in the last hours, as the hub keeps book of it."""
    minute = 60_000
    spells = (
        ("", "", UNKEPT, "", -30 * 1440, -7 * 1440, ""),
        ("yard-1", "", "offline", "", -205, -198, ""),
        ("yard-1", "", "offline", "", -190, -181, ""),
        ("yard-1", "", "lost", "", -150, -150, "4"),
        ("gate-1", "cam-gate", "fault", "covered", -96, -88, ""),
        ("yard-1", "cam-lane", "fault", "blurred", -70, None, ""),
        ("yard-1", "door-shed", "battery", "", -3000, None, "9"),
    )
    rows = [
        {"site": "garden", "node": node, "source": source, "kind": kind, "what": what,
         "since": now + since * minute, "until": None if until is None else now + until * minute,
         "detail": detail, "size": 0.0}
        for node, source, kind, what, since, until, detail in spells
    ]  # fmt: skip
    with engine.begin() as connection:
        connection.execute(insert(TroubleSpell), rows)


def stored(data: Path, now: int) -> None:
    """Three minutes of records and signals of the bike shed, in the series store."""
    start, site, node = now - 300_000, "garden", "yard-1"
    series = SqliteSeries(data / "series.db")
    box = (0.42, 0.35, 0.1, 0.4)
    seen: list[tuple[int, AnyRecord]] = [
        (0, DoorState(seq=1, ts=start, source="door-shed", open=False)),
        (80_000, DoorState(seq=2, ts=start + 80_000, source="door-shed", open=True)),
        (104_000, ZoneEnter(seq=3, ts=start + 104_000, source="cam-bikes", zone="shed",
                            label="person", track=7, confidence=0.93, box=box,
                            evidence="bikes-1")),
        (105_000, ZoneCount(seq=4, ts=start + 105_000, source="cam-bikes", zone="shed",
                            label="person", count=1, confidence=0.93)),
        (115_000, ZoneCount(seq=5, ts=start + 115_000, source="cam-bikes", zone="shed",
                            label="person", count=1, confidence=0.9)),
        (116_000, ZoneEnter(seq=6, ts=start + 116_000, source="cam-yard", zone="yard",
                            label="dog", track=9, confidence=0.7, box=box)),
        (150_000, ZoneDwell(seq=7, ts=start + 150_000, source="cam-bikes", zone="shed",
                            label="person", track=7, dwell_ms=46_000)),
        (190_000, ZoneExit(seq=8, ts=start + 190_000, source="cam-bikes", zone="shed",
                           label="person", track=7, dwell_ms=86_000)),
    ]  # fmt: skip
    records = tuple(
        Stored(site, node, "e1", (start + at) * 1000, start + at, record) for at, record in seen
    )
    values = {0: 0.0, 104_000: 0.62, 106_000: 0.9, 112_000: 0.93, 190_000: 0.5, 220_000: 0.1}
    signals = tuple(
        SignalPoint(site, "bike-shed", "presence.person", start + at, value)
        for at, value in values.items()
    )
    series.write([Entry(records, signals)])
    series.close()


def weeks(engine: Engine, data: Path, now: int, days: int = 14) -> None:
    """Days of coming and going at the west gate, and alerts that were judged."""
    random = np.random.default_rng(3)
    points = []
    for hour in range(-24 * days, 0):
        ts = now + hour * 3_600_000
        of_day = (hour + 8) % 24
        busy = max(0.0, 3.0 - abs(of_day - 8)) + max(0.0, 3.5 - abs(of_day - 18)) + 0.15
        for part in range(6):
            value = float(random.poisson(busy))
            points.append(SignalPoint("garden", "west-gate", "flow.in", ts + part * 600_000, value))
    series = SqliteSeries(data / "series.db")
    series.write([Entry((), tuple(points))])
    series.close()
    verdicts = ("true", "false", "false", "test", "unclear", "", "", "")
    with engine.begin() as connection:
        for number in range(60):
            name = alert(connection, now - number * 7_000_000, "west-gate", state="resolved",
                         rule=("crowd", "night-intrusion", "door-open")[number % 3 and number % 2],
                         severity=("low", "high", "medium")[number % 3 and number % 2],
                         acknowledged_by="王伟" if number % 4 else "")  # fmt: skip
            connection.execute(
                update(Alert).where(Alert.id == name).values(verdict=verdicts[number % 8])
            )


def counted(data: Path, now: int) -> None:
    """Three weeks of counts at the west gate, with a crowd a day ago; and a risk."""
    last = now // HOUR_MS * HOUR_MS
    counts = [(last - n * HOUR_MS, 400.0 if n == 24 else 20.0 + n % 3) for n in range(21 * 24)]
    points = [SignalPoint("garden", "west-gate", "surprise.flow.count", *one) for one in counts]
    points.append(SignalPoint("garden", "bike-shed", "risk", last - 90 * HOUR_MS, 40.0))
    series = SqliteSeries(data / "series.db")
    series.write([Entry((), tuple(points))])
    series.close()


def unusual(engine: Engine, now: int) -> int:
    """A crowd at the west gate a day ago, as the hub tells it; when it began."""
    last = now // HOUR_MS * HOUR_MS - 24 * HOUR_MS
    hour = Hour(last - HOUR_MS, 12, holiday=False)
    found = Found(last, last, Window(1, hour, 400, 21.0, 0.05, 12.0), 12, 33)
    with engine.begin() as connection:
        annotations.write(connection, [Unusual("garden", "west-gate", "flow", found)])
    return last


def digest(data: Path, now: int) -> None:
    """A weekly digest of what `counted` and `unusual` left."""
    file, end = site_file(), now // HOUR_MS * HOUR_MS
    span = (end - 168 * HOUR_MS, end)
    series = SqliteSeries(data / "series.db")
    found = Digest(
        file, *span, list(flows.follow(file, series, *span)), risk.by_hour(file, series, *span),
        Piles((), 3, 4, 7.0), (), (), Repeats(3, 4, 7.0), (), foresee(file, (), end), (),
    )  # fmt: skip
    series.close()
    texts = {name: inside(found, Words(file.site, name)) for name in ("en", "zh")}
    Shelf(data).put("garden", "2026-11-23", texts)
