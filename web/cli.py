"""``linli web``: run the console, and look after who may log in."""

import logging
import secrets
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import click
from sqlalchemy import Engine

import configs
from hub.reload import ConfigWatcher
from hub.state import store
from web import tokens, users
from web.console import Console, WebError
from web.roles import Role
from web.serve import serve

ACTOR = "command line"
"""Who the audit says it was."""
cli = click.Group("web", help="The console for the control room.")
_config = click.option(
    "-c", "--config", "path", required=True, type=click.Path(path_type=Path), help="A web.yaml."
)
_name = click.option("--name", required=True, help="The user's name.")
_role = click.option("--role", type=click.Choice([role.value for role in Role]), default="operator")
_sites = click.option(
    "--site", "sites", multiple=True, help="At this site alone (may be repeated); left out: at all."
)
_password = click.option(
    "--generate", is_flag=True, help="Make up a password and print it once, instead of asking."
)


@cli.command("run")
@_config
def run(path: Path) -> None:
    """Serve the console until SIGTERM or Ctrl-C."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        settings, sites = configs.load_web(path)
        serve(
            settings,
            sites,
            stop=stop,
            on_listening=lambda at: click.echo(f"console: {at}"),
            watch=lambda console: watching(path, console),
            config=path,
        )
    except (configs.ConfigError, WebError, store.StateError) as error:
        _fail(error)


def watching(path: Path, console: Console) -> ConfigWatcher:
    """Keeps a console at what the files of its web.yaml say; a bad file changes nothing, and
    it is the hub that shows why."""
    return ConfigWatcher(
        lambda: configs.folders(path),
        lambda: configs.load_web(path)[1],
        on_change=console.adopt,
        on_problem=lambda _problem: None,
    )


@cli.command("create-admin")
@_config
@_name
@_password
def create_admin(path: Path, name: str, generate: bool) -> None:
    """Make the first account; it may do everything."""
    _create(path, name, Role.ADMIN, generate)


@cli.command("create-user")
@_config
@_name
@_role
@_sites
@_password
def create_user(path: Path, name: str, role: str, sites: tuple[str, ...], generate: bool) -> None:
    """Make an account: viewers look, operators also acknowledge and resolve."""
    _create(path, name, Role(role), generate, sites)


@cli.command("set-role")
@_config
@_name
@_role
@_sites
def set_role(path: Path, name: str, role: str, sites: tuple[str, ...]) -> None:
    """Let a user do more, or less; ends every session of theirs."""
    at = _at(path, sites, Role(role))
    _do(path, lambda engine: users.set_role(engine, name, Role(role), actor=ACTOR, sites=at))
    click.echo(f"{name} is {role}{_said(sites)}")


@cli.command("set-password")
@_config
@_name
@_password
def set_password(path: Path, name: str, generate: bool) -> None:
    """Give a user a new password; ends every session of theirs."""
    password = _ask(generate)
    _do(path, lambda engine: users.set_password(engine, name, password, actor=ACTOR))
    click.echo(f"{name} has a new password; open sessions have ended")


@cli.command("disable-user")
@_config
@_name
@click.option("--undo", is_flag=True, help="Open the account again.")
def disable_user(path: Path, name: str, undo: bool) -> None:
    """Shut an account at once; what it did stays in the audit."""
    _do(path, lambda engine: users.set_disabled(engine, name, not undo, actor=ACTOR))
    click.echo(f"{name} may log in again" if undo else f"{name} is shut out")


@cli.command("reset-totp")
@_config
@_name
def reset_totp(path: Path, name: str) -> None:
    """Let a user whose phone is lost log in with the password alone."""
    _do(path, lambda engine: users.reset_totp(engine, name, actor=ACTOR))
    click.echo(f"{name} logs in with the password alone; open sessions have ended")


@cli.command("create-token")
@_config
@_name
@_sites
@click.option(
    "--role", type=click.Choice(tokens.ROLES), default=Role.VIEWER.value, show_default=True,
    help="A viewer reads, an operator answers alerts, a maintainer reads the audit too.",
)  # fmt: skip
def create_token(path: Path, name: str, sites: tuple[str, ...], role: str) -> None:
    """Let a script read what the pages show, and act with a role, over /api/v1; prints its
    token once."""
    of, as_ = tuple(_at(path, sites, Role(role))), Role(role)
    _do(path, lambda engine: click.echo(
        tokens.create(engine, name, actor=ACTOR, sites=of, role=as_)
    ))  # fmt: skip


@cli.command("revoke-token")
@_config
@_name
def revoke_token(path: Path, name: str) -> None:
    """Take a script's token back at once."""
    _do(path, lambda engine: tokens.revoke(engine, name, actor=ACTOR))
    click.echo(f"{name} may read no more")


def _create(path: Path, name: str, role: Role, generate: bool, sites: tuple[str, ...] = ()) -> None:
    at = _at(path, sites, role)
    password = _ask(generate)
    _do(path, lambda engine: users.create(engine, name, role, password, actor=ACTOR, sites=at))
    click.echo(f"{name} may log in as {role}{_said(sites)}")


def _at(path: Path, sites: tuple[str, ...], role: Role) -> dict[str, Role]:
    """The role at each of the sites, which must be there."""
    try:
        known = {file.site.id for file in configs.load_web(path)[1]} if sites else set()
    except configs.ConfigError as error:
        _fail(error)
    for site in sites:
        if site not in known:
            raise click.BadParameter(f"{path} has no site {site!r}", param_hint="--site")
    return dict.fromkeys(sites, role)


def _said(sites: tuple[str, ...]) -> str:
    return f" at {', '.join(sites)}" if sites else ""


def _ask(generate: bool) -> str:
    if not generate:
        text = f"Password (at least {users.MIN_PASSWORD} characters)"
        entered: str = click.prompt(text, hide_input=True, confirmation_prompt=True)
        return entered
    password = secrets.token_urlsafe(12)
    click.echo(f"password (shown this once): {password}")
    return password


def _do(path: Path, verb: Callable[[Engine], None]) -> None:
    try:
        settings, _sites = configs.load_web(path)
        data = Path(settings.data)
        data.mkdir(parents=True, exist_ok=True)
        engine = store.connect(store.address(settings.state_url, data))
        try:
            store.migrate(engine)
            verb(engine)
        finally:
            engine.dispose()
    except (configs.ConfigError, store.StateError, users.UserError) as error:
        _fail(error)


def _fail(error: Exception) -> NoReturn:
    click.echo(str(error), err=True)
    sys.exit(2 if isinstance(error, configs.ConfigError) else 1)
