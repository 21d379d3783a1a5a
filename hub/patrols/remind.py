"""Tells volunteers of their walks, that one is near, was changed or called off: by a letter, where
the site has a mail server and they gave an address; the pages tell whoever opens them.

Nobody but the volunteer is told, and a letter says what the public board says anyway.
"""

import logging
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, Row, select, update

from configs.rules import Severity
from configs.site import SiteFile
from configs.values import Text
from hub.cases.contacts import mail_address
from hub.neighbours.tables import Resident
from hub.notify.item import Item, WalkStep, Words
from hub.notify.planner import insert_once, row_of
from hub.notify.tables import DeliveryKind
from hub.patrols.plans import Tell
from hub.patrols.signup import volunteers
from hub.patrols.tables import Patrol, SignUp
from hub.state.store import StateError, reading

log = logging.getLogger(__name__)

TITLE = Text("{site}: your patrol, {when}", "{site}：您的巡查，{when}")
BODY = Text(
    "{title} begins at {when}. If you cannot come, please withdraw, so that somebody else can:",
    "“{title}”将于 {when} 开始。如不能参加，请及时退出，以便他人递补：",
)
CHANGED = Text(
    "{title} has changed: it begins at {when}. The page shows where it goes. If you cannot come "
    "then, please withdraw, so that somebody else can:",
    "“{title}”有变动：将于 {when} 开始，路线见页面。如届时不能参加，请及时退出，以便他人递补：",
)
OFF_KEY = "off"
OFF = Text("{title} on {when} was called off.", "原定 {when} 的“{title}”已取消。")
STOP = Text(
    "You get this because you signed up. To stop it, empty your contact on your page.",
    "您报名了巡查，所以收到此信。如不想再收到，请在“我的”页面清空联系方式。",
)


def remind(engine: Engine, sites: Sequence[SiteFile], data: Path, now: int) -> int:
    """Plan what is due for the volunteers with a place on walks that are near; for how many.
    ``data`` is the folder with the key of contacts."""
    count = 0
    for file in sites:
        with reading(engine).connect() as connection:
            due = _due(connection, file, now)
        if due:
            with engine.begin() as connection:
                count += sum(_one(connection, file, data, row, now) for row in due)
    return count


def letters(file: SiteFile, data: Path, now: int) -> Tell:
    """Plans letters to those who signed up for walks that staff have just changed or called off,
    in the transaction that does it."""

    def tell(connection: Connection, patrols: Sequence[str]) -> int:
        if not file.residents.mail:
            return 0
        query = (
            select(SignUp.resident, *Patrol.__table__.columns)
            .join(Patrol, Patrol.id == SignUp.patrol)
            .where(Patrol.id.in_(patrols))
            .order_by(SignUp.id)
        )
        known = connection.execute(query).all()
        rows = [row for row in known if _writes(connection, data, row.resident)]
        made = [_delivery(file, row, now, news=_news(row)) for row in rows]
        insert_once(connection, made)
        return len(made)

    return tell


def _news(row: Row[Any]) -> str:
    """What sets a letter apart from a reminder of the same walk."""
    return OFF_KEY if row.cancelled_at is not None else f"changed-{row.changed_at}"


def needless(connection: Connection, step: WalkStep, now: int) -> str:
    """Why a letter that waited need not go any more; "" where it does."""
    going = (SignUp.patrol == step.patrol) & (SignUp.resident == step.resident)
    columns = (Patrol.cancelled_at, Patrol.ends_at)
    query = select(*columns).join(SignUp, SignUp.patrol == Patrol.id).where(going)
    row = connection.execute(query).first()
    if row is None:
        return "the volunteer has withdrawn"
    if row.cancelled_at is not None and not step.off:
        return "the patrol was called off"
    return "the patrol is over" if row.ends_at <= now else ""


def compose(items: Sequence[Item], base_url: str) -> tuple[str, str]:
    """(title, body) of a letter, in both languages: an account has none of its own."""
    first, parts = items[0], []
    title = " · ".join(
        TITLE.in_(language).format(site=first.site_name.in_(language), when=_clock(first))
        for language in ("zh", "en")
    )
    for item in items:
        if item.walk is not None:
            link = f"{base_url.rstrip('/')}/walks/{item.walk.patrol}"
            body = OFF if item.walk.off else CHANGED if item.walk.changed else BODY
            said = [
                body.in_(language).format(title=item.title.en, when=_clock(item))
                for language in ("zh", "en")
            ]
            parts += [*said, link, ""]
    return title, "\n".join([*parts, STOP.zh, STOP.en])


def _due(connection: Connection, file: SiteFile, now: int) -> list[Row[Any]]:
    near = Patrol.starts_at.between(now, now + file.residents.remind)
    query = (
        select(SignUp.id.label("sign_up"), SignUp.resident, *Patrol.__table__.columns)
        .join(Patrol, Patrol.id == SignUp.patrol)
        .where(Patrol.site == file.site.id, near, Patrol.cancelled_at.is_(None))
        .where(SignUp.reminded_at.is_(None))
        .order_by(SignUp.id)
    )
    rows = connection.execute(query).all()
    return [row for row in rows if row.resident in volunteers(connection, row)[0]]


def _one(connection: Connection, file: SiteFile, data: Path, row: Row[Any], now: int) -> bool:
    mine = (SignUp.id == row.sign_up) & SignUp.reminded_at.is_(None)
    if not connection.execute(update(SignUp).where(mine).values(reminded_at=now)).rowcount:
        return False  # another hub was faster
    if file.residents.mail and _writes(connection, data, row.resident):
        insert_once(connection, [_delivery(file, row, now)])
    return True


def _writes(connection: Connection, data: Path, resident: int) -> bool:
    """Whether they gave an address to write to."""
    sealed = connection.scalar(select(Resident.contact).where(Resident.id == resident))
    if not sealed:
        return False
    from hub.cases.vault import Vault  # only a hub that writes letters loads cryptography

    try:
        return bool(mail_address(Vault(data).open(sealed)))
    except StateError as error:
        log.warning("a volunteer is not written to: %s", error)
        return False


def _delivery(file: SiteFile, row: Row[Any], now: int, *, news: str = "") -> dict[str, Any]:
    route, subject = file.residents.mail, f"resident-{row.resident}"
    moved = f"at-{row.starts_at}" if row.was_at else ""  # it is reminded of again
    of = ":".join(part for part in (row.id, news or moved) if part)
    item = Item(
        step=f"{subject}:{DeliveryKind.LETTER}:{route}:{of}",
        kind=DeliveryKind.LETTER,
        alert=subject,
        site=row.site,
        site_name=Words(file.site.name.en, file.site.name.zh),
        timezone=file.site.timezone,
        place="",
        place_name=Words(),
        rule="",
        severity=Severity.INFO,
        title=Words(row.title, row.title),
        advice=Words(),
        values=[],
        pending_ts=row.starts_at,
        fired_ts=row.starts_at,
        at=now,
        walk=WalkStep(
            patrol=row.id,
            resident=row.resident,
            off=news == OFF_KEY,
            changed=bool(news) and news != OFF_KEY,
        ),
    )
    return row_of(item, route, created=now, due=now)


def _clock(item: Item) -> str:
    local = datetime.fromtimestamp(item.fired_ts / 1000, ZoneInfo(item.timezone))
    return f"{local:%Y-%m-%d %H:%M}"
