"""A site of five places with ten weeks of counts, a party at night, and a pile of small alerts."""

import random
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import insert

import configs
from configs.servers import HubSettings
from configs.site import SiteFile
from hub.analysis.hours import HOUR_MS
from hub.series.points import Entry, SignalPoint
from hub.series.sqlite import SqliteSeries
from hub.state import store
from hub.state.tables import Alert

ZONE = ZoneInfo("Asia/Shanghai")
PLACES = ("west-gate", "courtyard", "bike-shed", "lobby", "fire-lane")
WEEK_MS = 168 * HOUR_MS
END = int(datetime(2025, 6, 2, tzinfo=ZONE).timestamp() * 1000)
START = END - WEEK_MS
PARTY = int(datetime(2025, 5, 27, 2, tzinfo=ZONE).timestamp() * 1000)
"""A Tuesday, 02:00."""
SITE = """
site: {id: garden, name: {en: Garden Court, zh: 花园小区}, timezone: Asia/Shanghai, country: CN}
nodes: [{id: n}]
places:
  - {id: west-gate, name: {en: West gate, zh: 西门}, lines: [{node: n, source: gate, line: l}]}
  - {id: courtyard, name: {en: Courtyard, zh: 庭院}, doors: [{node: n, source: yard}]}
  - {id: bike-shed, name: {en: Bike shed, zh: 自行车棚}, doors: [{node: n, source: bikes}]}
  - {id: lobby, name: {en: Lobby, zh: 大堂}, doors: [{node: n, source: lobby}]}
  - {id: fire-lane, name: {en: Fire lane, zh: 消防通道}, doors: [{node: n, source: lane}]}
rules:
  - id: door-open
    title: {en: A door stands open, zh: 门未关}
    places: ["*"]
    when: [{signal: door.open_s, above: 60}]
hub: {data: data}
"""


def build(folder: Path) -> tuple[Path, HubSettings, SiteFile]:
    """Write the site and fill its stores; its site.yaml, and what that says."""
    path = folder / "site.yaml"
    path.write_text(SITE, encoding="utf-8")
    settings, (site,) = configs.load_hub(path)
    data = Path(settings.data)
    data.mkdir(parents=True, exist_ok=True)
    series = SqliteSeries(data / "series.db")
    series.write([Entry((), tuple(_counts()))])
    series.close()
    database = store.connect(store.address("", data))
    store.migrate(database)
    with database.begin() as connection:
        connection.execute(insert(Alert), list(_alerts()))
    database.dispose()
    return path, settings, site


def _counts() -> list[SignalPoint]:
    rng = random.Random(5)
    points = []
    for start in range(END - 10 * WEEK_MS, END, HOUR_MS):
        local = datetime.fromtimestamp(start / 1000, ZONE)
        usual = 40 if 7 <= local.hour < 21 else 2
        count = 26 if start == PARTY else max(0, round(rng.gauss(usual, usual**0.5 * 1.2)))
        name = "surprise.flow.count"
        points.append(SignalPoint("garden", "west-gate", name, start + HOUR_MS, float(count)))
        risk = 60.0 if local.hour == 23 else 5.0
        points.append(SignalPoint("garden", "bike-shed", "risk", start, risk))
    return points


def _alerts() -> list[dict[str, object]]:
    """Two a day at each place and, in the last week, ten in every night at the bike shed."""
    rng = random.Random(6)
    found: list[dict[str, object]] = []
    for start in range(END - 8 * WEEK_MS, END, 24 * HOUR_MS):
        times = [(place, start + rng.randrange(24 * HOUR_MS)) for place in PLACES for _ in range(2)]
        if start >= START:
            times += [("bike-shed", start + n * HOUR_MS // 2) for n in range(8)]
        if start >= END - 4 * WEEK_MS:
            times = [(place, at) for place, at in times if place != "lobby" or rng.random() < 0.2]
        found += [_alert(len(found) + n, place, at) for n, (place, at) in enumerate(times)]
    return found


def _alert(number: int, place: str, at: int) -> dict[str, object]:
    return {
        "id": f"a{number:06d}", "site": "garden", "place": place, "rule": "door-open",
        "severity": "low", "state": "resolved", "pending_ts": at, "fired_ts": at, "fired_rx": at,
        "resolved_ts": at + 1000, "details": {},
    }  # fmt: skip
