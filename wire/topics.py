"""Topics: ``linli/v1/<site>/<node>/<channel>``."""

import enum
import re
from typing import Final, NamedTuple

from wire.errors import DecodeError

ROOT: Final = "linli/v1"
ID_PATTERN: Final = r"^[a-z0-9-]{1,63}$"
_ID = re.compile(r"[a-z0-9-]{1,63}")


class Channel(enum.StrEnum):
    """What a topic carries; the last part of its name."""

    STATE = "state"
    ABOUT = "about"
    RECORDS = "records"
    EVIDENCE = "evidence"
    DO = "do"
    DONE = "done"


class Topic(NamedTuple):
    """A parsed topic. ``ref`` is set for evidence alone."""

    site: str
    node: str
    channel: Channel
    ref: str = ""

    def __str__(self) -> str:
        tail = f"/{self.ref}" if self.ref else ""
        return f"{ROOT}/{self.site}/{self.node}/{self.channel}{tail}"


def is_id(text: str) -> bool:
    """Whether ``text`` may name a site, node, source, zone, line, place or rule."""
    return _ID.fullmatch(text) is not None


def parse(topic: str) -> Topic:
    """Take a topic apart; raise `DecodeError` where it is not one of ours."""
    parts = topic.split("/")
    if len(parts) < 5 or parts[0] != "linli" or parts[1] != "v1":
        raise DecodeError(f"not a linli/v1 topic: {topic[:120]!r}")
    site, node, channel_name = parts[2], parts[3], parts[4]
    if not is_id(site) or not is_id(node):
        raise DecodeError(f"site and node must match {ID_PATTERN}: {topic[:120]!r}")
    try:
        channel = Channel(channel_name)
    except ValueError:
        raise DecodeError(f"unknown channel {channel_name[:40]!r} in {topic[:120]!r}") from None
    rest = parts[5:]
    if channel is Channel.EVIDENCE:
        if len(rest) != 1 or not is_id(rest[0]):
            raise DecodeError(f"evidence needs one ref that matches {ID_PATTERN}: {topic[:120]!r}")
        return Topic(site, node, channel, rest[0])
    if rest:
        raise DecodeError(f"unexpected parts after the channel: {topic[:120]!r}")
    return Topic(site, node, channel)


def subscription(site: str = "+") -> str:
    """The filter by which a hub hears every node of ``site`` ("+": of all sites)."""
    return f"{ROOT}/{site}/+/#"
