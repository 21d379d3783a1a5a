"""``linli alerts …``: the desk for scripts, silences, and the question why."""

import contextlib
import json
import re
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

import click
from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError

import configs
from configs.servers import HubSettings
from configs.site import SiteFile
from configs.values import Duration
from hub import desk, explain, moments, silences
from hub.series.open import open_series
from hub.series.points import SeriesError
from hub.state import store
from hub.state.tables import Alert, AlertState

cli = click.Group("alerts", help="Look at alerts, answer them, and ask why.")
silence_cli = click.Group("silence", help="Mute notifications for a while; alerts still come.")
cli.add_command(silence_cli)

config_option = click.option(
    "-c", "--config", "path", required=True, type=click.Path(path_type=Path),
    help="A site.yaml or hub.yaml.",
)  # fmt: skip
_as = click.option("--as", "actor", required=True, help="Who does it; the log keeps the name.")
_site = click.option("--site", default="", help="Of one site only.")


class _Failed(Exception):
    """The command cannot do what was asked; the text says why."""


@cli.command("list")
@config_option
@_site
@click.option("--active", is_flag=True, help="Only those that fire now.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000))
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_(path: Path, site: str, *, active: bool, limit: int, as_json: bool) -> None:
    """Alerts that fired, newest first."""
    query = select(*Alert.__table__.columns).where(Alert.fired_ts.is_not(None))
    if site:
        query = query.where(Alert.site == site)
    if active:
        query = query.where(Alert.state == AlertState.FIRING)
    query = query.order_by(Alert.fired_ts.desc(), Alert.id).limit(limit)
    with opened(path) as (engine, _settings, sites):
        with store.reading(engine).begin() as connection:
            rows = connection.execute(query).all()
            quiet = {
                row.id: silences.muting(connection, row, _now())
                for row in rows
                if row.state == AlertState.FIRING
            }
        for row in rows:
            click.echo(_as_json(row) if as_json else _line(row, quiet.get(row.id), sites))


@cli.command()
@config_option
@click.argument("alert")
@_as
def ack(path: Path, alert: str, actor: str) -> None:
    """Say that an alert has been seen."""
    with opened(path) as (engine, _settings, _sites):
        _say(desk.acknowledge(engine, alert, actor=actor, now=_now()))


@cli.command()
@config_option
@click.argument("alert")
@click.argument("judgement", type=click.Choice([one.value for one in desk.Judgement]))
@_as
@click.option("--note", default="", help="What was seen.")
def verdict(path: Path, alert: str, judgement: str, actor: str, note: str) -> None:
    """Say what an alert turned out to be; the backtest learns from it."""
    with opened(path) as (engine, _settings, _sites):
        truth = desk.Judgement(judgement)
        _say(desk.judge(engine, alert, judgement=truth, actor=actor, now=_now(), text=note))


@cli.command()
@config_option
@click.argument("alert")
@click.option("--to", "owner", required=True, help='Who deals with it; "" lets go of it.')
@_as
def assign(path: Path, alert: str, owner: str, actor: str) -> None:
    """Make somebody the owner of an alert."""
    with opened(path) as (engine, _settings, _sites):
        _say(desk.assign(engine, alert, owner=owner, actor=actor, now=_now()))


@cli.command()
@config_option
@click.argument("alert")
@click.argument("text")
@_as
def note(path: Path, alert: str, text: str, actor: str) -> None:
    """Add a note to an alert's story."""
    with opened(path) as (engine, _settings, _sites):
        _say(desk.note(engine, alert, actor=actor, text=text, now=_now()))


@cli.command("explain")
@config_option
@click.argument("alert", required=False)
@_site
@click.option("--place", default="", help="Ask about a place where nothing fired.")
@click.option(
    "--at",
    "moment",
    default="",
    help="2026-03-01T22:15:00 by the site's clock, 10m for so long ago, or now.",
)
@click.option("--rule", default="", help="Only this rule.")
@click.option("--before", default="2h", show_default=True, help="How much to replay for it.")
@click.option("--json", "as_json", is_flag=True)
def explain_(
    path: Path, alert: str | None, site: str, place: str, moment: str, rule: str, before: str,
    *, as_json: bool,
) -> None:  # fmt: skip
    """Why ALERT came; or, with --place and --at, why nothing did."""
    with opened(path) as (engine, settings, sites):
        series = open_series(settings.series, Path(settings.data))
        try:
            if alert is not None:
                said: Any = explain.alert(engine, series, sites, alert)
            elif place and moment:
                file = _site_of(sites, site)
                at = moments.moment(moment, file.site.timezone, _now())
                said = explain.absence(
                    engine, series, file, place, at=at, rule=rule, before_ms=_length(before)
                )
            else:
                raise _Failed("name an alert, or a --place and a time --at")
        finally:
            series.close()
        click.echo(said.as_json() if as_json else said.as_text(_zones(sites)))


@silence_cli.command("create")
@config_option
@_site
@click.option("--rule", default="")
@click.option("--place", default="")
@click.option("--source", default="", help="<node>/<source>")
@click.option("--maintenance", is_flag=True, help="It is a maintenance window.")
@click.option("--from", "start", default="", help="2026-03-01T22:15:00; left out: now.")
@click.option("--for", "length", required=True, help="How long: 1h, 30m, 2d.")
@click.option("--reason", required=True)
@_as
def create(
    path: Path, site: str, rule: str, place: str, source: str, *, maintenance: bool, start: str,
    length: str, reason: str, actor: str,
) -> None:  # fmt: skip
    """Mute what fits all that is given."""
    with opened(path) as (engine, _settings, sites):
        file, now = _site_of(sites, site), _now()
        _check_scope(file, rule, place, source)
        starts_at = moments.moment(start, file.site.timezone, _now()) if start else now
        quiet = silences.create(
            engine, site=file.site.id, rule=rule, place=place, source=source,
            kind=silences.Kind.MAINTENANCE if maintenance else silences.Kind.SILENCE,
            author=actor, reason=reason, starts_at=starts_at, ends_at=starts_at + _length(length),
            now=now,
        )  # fmt: skip
        click.echo(_silence_line(quiet, _zones(sites)))


@silence_cli.command("list")
@config_option
@click.option("--all", "over", is_flag=True, help="Also those that are over.")
def list_silences(path: Path, *, over: bool) -> None:
    """Silences that last or are to come."""
    with opened(path) as (engine, _settings, sites):
        with store.reading(engine).begin() as connection:
            found = silences.listed(connection, _now(), over=over)
        for quiet in found:
            click.echo(_silence_line(quiet, _zones(sites)))


@silence_cli.command("end")
@config_option
@click.argument("silence", type=int)
@_as
def end(path: Path, silence: int, actor: str) -> None:
    """End a silence before its time."""
    with opened(path) as (engine, _settings, _sites):
        ended = silences.end(engine, silence, actor=actor, now=_now())
        click.echo(str(ended))
        if ended is not silences.Ended.DONE:
            sys.exit(1)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[tuple[Engine, HubSettings, Sequence[SiteFile]]]:
    """The state store of a configuration; errors end the command with their text."""
    try:
        settings, sites = configs.load_hub(path)
        data = Path(settings.data)
        if not settings.state_url and not (data / "state.db").exists():
            raise _Failed(f"there is no {data / 'state.db'} yet: start the hub, it makes it")
        engine = store.connect(store.address(settings.state_url, data))
        try:
            store.migrate(engine)
            yield engine, settings, sites
        finally:
            engine.dispose()
    except configs.ConfigError as error:
        _fail(error, 2)
    except SQLAlchemyError as error:
        _fail(f"the state store did not do it: {getattr(error, 'orig', None) or error}", 1)
    except (
        store.StateError, SeriesError, silences.SilenceError, explain.ExplainError, _Failed,
        ValueError,
    ) as error:  # fmt: skip
        _fail(error, 1)


def _fail(error: object, code: int) -> NoReturn:
    click.echo(str(error), err=True)
    sys.exit(code)


def _say(outcome: desk.Outcome) -> None:
    click.echo(outcome.text)
    if not outcome.done:
        sys.exit(1)


def _now() -> int:
    return time.time_ns() // 1_000_000


def _site_of(sites: Sequence[SiteFile], name: str) -> SiteFile:
    found = [file for file in sites if name in ("", file.site.id)]
    if len(found) == 1:
        return found[0]
    known = ", ".join(file.site.id for file in sites)
    raise _Failed(f"say which with --site: {known}" if found else f"no site {name!r}: {known}")


def _check_scope(file: SiteFile, rule: str, place: str, source: str) -> None:
    """A silence that names what is not there would mute nothing, and nobody would know."""
    sources = {
        one
        for here in file.places
        for one in silences.sources_of(here, ("silence_s",))
    }  # fmt: skip
    for what, name, known in (
        ("rule", rule, {one.id for one in file.rules}),
        ("place", place, {one.id for one in file.places}),
        ("source", source, sources),
    ):
        if name and name not in known:
            raise _Failed(f"{file.site.id} has no {what} {name!r}: {', '.join(sorted(known))}")
    if not (rule or place or source):
        raise _Failed("name a --rule, a --place or a --source; all of a site is too much")


def _length(written: str) -> int:
    return Duration.parse(re.sub(r"\s", "", written))


def _zones(sites: Sequence[SiteFile]) -> dict[str, ZoneInfo]:
    return {file.site.id: ZoneInfo(file.site.timezone) for file in sites}


def _line(row: Any, quiet: silences.Quiet | None, sites: Sequence[SiteFile]) -> str:
    zones = _zones(sites)
    parts = [
        row.id, explain.clock(row.fired_ts, zones.get(row.site)), row.state, row.severity,
        f"{row.site}/{row.place}", row.rule,
    ]  # fmt: skip
    if row.acknowledged_at is not None:
        parts.append(f"acknowledged by {row.acknowledged_by}")
    if row.owner:
        parts.append(f"owner {row.owner}")
    if row.verdict:
        parts.append(f"verdict {row.verdict} by {row.verdict_by}")
    if row.inhibited_by:
        parts.append(f"quieted by {row.inhibited_by}")
    if quiet is not None:
        until = explain.clock(quiet.ends_at, zones.get(row.site))
        parts.append(f"muted by {quiet.author} until {until}: {quiet.reason}")
    return "  ".join(parts)


def _as_json(row: Any) -> str:
    return json.dumps(dict(row._mapping), ensure_ascii=False)


def _silence_line(quiet: silences.Quiet, zones: dict[str, ZoneInfo]) -> str:
    zone = zones.get(quiet.site)
    scope = "  ".join(
        f"{name} {value}"
        for name, value in (("rule", quiet.rule), ("place", quiet.place), ("source", quiet.source))
        if value
    )
    span = f"{explain.clock(quiet.starts_at, zone)} to {explain.clock(quiet.ends_at, zone)}"
    early = f", ended early by {quiet.ended_early_by}" if quiet.ended_early_by else ""
    who = f"{quiet.author}{early}"
    return f"{quiet.id}  {quiet.kind}  {quiet.site}  {scope}  {span}  {who}: {quiet.reason}"
