"""Routes as YAML says them: whom a rule tells, how, in which language, and when not."""

import os
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

from configs.document import Document
from configs.rules import Severity
from configs.values import Duration, TimeSpan
from wire.mqtt import Broker
from wire.records import Id


class AddressMissing(Exception):
    """A route's address cannot be had; the text says where it should be."""


class Quiet(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hours, on the site's clock, in which what is not urgent waits for their end."""

    span: TimeSpan
    up_to: Severity = Severity.MEDIUM
    """Alerts of at most this severity wait, and come together in one message."""


class AtMost(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A limit on messages; what is over it is folded into the next one, never dropped."""

    count: Annotated[int, Meta(ge=1)]
    per: Duration


class Route(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One way to tell somebody. People get messages by ``apprise``; each of the other kinds
    tells a machine of each step by itself."""

    id: Id
    kind: Literal["apprise", "webhook", "mqtt", "cap"]
    url: str = ""
    """Only where it holds no secret: a webhook's or CAP receiver's plain address."""
    url_env: str = ""
    """The environment variable that holds the address."""
    url_file: str = ""
    """The file that holds the address."""
    token_env: str = ""
    """For a webhook or CAP receiver that wants ``Authorization: Bearer``."""
    token_file: str = ""
    broker: Broker | None = None
    """For mqtt; left out: the hub's own."""
    folder: str = ""
    """For cap: each message becomes a file here."""
    sender: str = ""
    """For cap: who warns, such as warnings@garden.example."""
    language: Literal["en", "zh"] = "en"
    base_url: str = ""
    """The console's address as the reader reaches it, for links; left out: no links."""
    min_severity: Severity = Severity.INFO
    quiet: Quiet | None = None
    group_wait: Duration = Duration(2000)
    """How long a message waits for more from its place. Higher: fewer messages, later."""
    repeat: Duration | None = None
    """Remind this often while nobody has acknowledged; left out: never."""
    at_most: AtMost | None = None
    timeout: Duration = Duration(10_000)
    """How long the other side may take to answer."""

    def address(self) -> str:
        """Where to send, from wherever it is kept; raises `AddressMissing`."""
        return _secret(self.id, "url", self.url, self.url_env, self.url_file)

    def token(self) -> str:
        """What the other side wants to see, or nothing; raises `AddressMissing`."""
        if not (self.token_env or self.token_file):
            return ""
        return _secret(self.id, "token", "", self.token_env, self.token_file)


def _secret(route: str, what: str, plain: str, env: str, file: str) -> str:
    if plain:
        return plain
    if file:
        try:
            found = Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise AddressMissing(
                f"route {route}: cannot read {what}_file {file}: {error}"
            ) from None
    else:
        found = os.environ.get(env, "").strip()
    if not found or "\n" in found:
        source = f"file {file}" if file else f"variable {env}"
        problem = "more than one line" if found else "nothing"
        raise AddressMissing(f"route {route}: the {source} holds {problem}; put one {what} there")
    return found


def check(routes: tuple[Route, ...], document: Document) -> None:
    """What a route's shape cannot say."""
    for route in routes:
        _address(route, document)
        if route.kind == "cap" and not _is_cap_name(route.sender):
            hint = "such as warnings@garden.example; no spaces, commas, < or &"
            document.complain(route, "", "cap needs a sender", hint)
        if route.kind != "apprise" and (route.quiet or route.at_most):
            part = "quiet" if route.quiet else "at_most"
            hint = "only messages to people (apprise) wait; leave it out"
            document.complain(route, part, f"is not for {route.kind}", hint)


def _address(route: Route, document: Document) -> None:
    given = [name for name in ("url", "url_env", "url_file") if getattr(route, name)]
    if route.kind == "cap" and route.folder:
        given.append("folder")
    if route.kind == "mqtt":
        if given:
            document.complain(route, given[0], "is not for mqtt", "use broker:")
    elif len(given) != 1:
        names = "url_env, url_file" + (", url" if route.kind != "apprise" else "")
        names += " and folder" if route.kind == "cap" else ""
        says = " and ".join(given) or "no address"
        document.complain(route, "", f"has {says}", f"give exactly one of {names}")
    if route.url and (route.kind == "apprise" or _has_secret(route.url)):
        hint = "put the address in a file or variable and name it in url_file or url_env"
        document.complain(route, "url", "may hold a secret", hint)


def _has_secret(url: str) -> bool:
    scheme, _, rest = url.partition("://")
    return scheme not in ("http", "https") or "@" in rest.partition("/")[0] or "?" in rest


def _is_cap_name(text: str) -> bool:
    return bool(text) and not set(text) & set(" ,<&")
