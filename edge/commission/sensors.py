"""Door contacts and access readers as an installer names them, on the command line or when asked.

::

    [id=]zigbee2mqtt/<name>                    a contact that Zigbee2MQTT has paired
    [id=]gpio:<pin>[,pull-down][,inverted]     a contact or strike on this board's pin, BCM number
    [id=]webhook                               a device that calls this node
    [id=]<topic>[#<field>]                     a reader that publishes, maybe a JSON field of it

A reader may say whose door it opens: ``…@<door>``.
"""

import os
from collections.abc import Collection, Iterator
from pathlib import Path
from secrets import token_hex
from typing import Final

from msgspec.structs import replace

from edge.commission import write
from edge.commission.plan import WEBHOOK_TOKEN_FILE, DoorPlan, Plan, ReaderPlan, Wire, make_id
from edge.doors.webhook import LEAST_TOKEN
from wire.topics import is_id

MOST_PIN: Final = 53
WEBHOOK: Final = "webhook"
_GPIO: Final = "gpio:"
_WIRED: Final = {"pull-down": {"pull_up": False}, "inverted": {"inverted": True}}
DOORS: Final = "[id=]zigbee2mqtt/<name>, [id=]gpio:<pin> or [id=]webhook"
READERS: Final = "[id=]<topic>, [id=]gpio:<pin> or [id=]webhook; then @<door> that it opens"


class NoSensor(ValueError):
    """Words that name no sensor; the text says what would."""


def door(words: str, taken: Collection[str] = ()) -> DoorPlan:
    """A door contact, with an id of its own where none is given. Raises `NoSensor`."""
    name, source = _split(words)
    if source == WEBHOOK:
        return DoorPlan(id=name or make_id("", "door", taken))
    if source.startswith(_GPIO):
        wire = _wire(source)
        return DoorPlan(id=name or make_id(f"gpio-{wire.pin}", "door", taken), wire=wire)
    if not _is_topic(source):
        raise NoSensor(f"{words!r}: give {DOORS}, such as zigbee2mqtt/west gate or gpio:17")
    made = name or make_id(source.partition("/")[2], "door", taken)
    return DoorPlan(id=made, topic=source)


def reader(words: str, taken: Collection[str] = ()) -> ReaderPlan:
    """An access reader, with an id of its own where none is given. Raises `NoSensor`."""
    name, source = _split(words)
    head, at, tail = source.rpartition("@")
    source, opens = (head, tail) if at and is_id(tail) else (source, "")
    plan = ReaderPlan(id=name or make_id(opens, "reader", taken), door=opens)
    if source == WEBHOOK:
        return plan
    if source.startswith(_GPIO):
        return replace(plan, wire=_wire(source))
    topic, _, field = source.partition("#")
    if not _is_topic(topic):
        raise NoSensor(f"{words!r}: give {READERS}, such as acs/lobby#result@lobby")
    return replace(plan, topic=topic, field=field)


def _split(words: str) -> tuple[str, str]:
    """The id that was given, and the rest; a topic may hold = too, but no id a slash."""
    head, equals, tail = words.partition("=")
    if not equals or "/" in head:
        return "", words
    if not is_id(head):
        raise NoSensor(f"{head!r} is no id: lower-case letters, digits and -, at most 63")
    return head, tail


def _wire(source: str) -> Wire:
    number, *words = source.removeprefix(_GPIO).split(",")
    if not number.isdecimal() or int(number) > MOST_PIN:
        raise NoSensor(f"{source!r}: the pin's BCM number is 0 to {MOST_PIN}, such as gpio:17")
    unknown = [word for word in words if word not in _WIRED]
    if unknown:
        raise NoSensor(f"{unknown[0]!r} is said of no pin; known are {' and '.join(_WIRED)}")
    given = {key: value for word in words for key, value in _WIRED[word].items()}
    return Wire(pin=int(number), **given)


def _is_topic(words: str) -> bool:
    return "/" in words and not {"#", "+", "\0"} & set(words) and "://" not in words


def token(folder: Path, given: str) -> str:
    """The file that holds the webhooks' token: ``given``, or one beside the edge.yaml.

    Where there is none beside it, a token is drawn; one that is there stays, as devices have it.
    Raises `NoSensor` where the given one is of no use, OSError where none can be written.
    """
    file = Path(os.path.abspath(given)) if given else folder / WEBHOOK_TOKEN_FILE  # noqa: PTH100 - stays a link
    if not given and not file.exists():
        write.secret(file, f"{token_hex(16)}\n")
        return WEBHOOK_TOKEN_FILE
    try:
        found = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise NoSensor(f"{file} cannot be read: {why}") from None
    if len(found) < LEAST_TOKEN:
        raise NoSensor(f"the token in {file} has less than {LEAST_TOKEN} characters; "
                       f"openssl rand -hex 16 > {file} makes a good one")  # fmt: skip
    return str(file) if given else WEBHOOK_TOKEN_FILE


def calls(plan: Plan) -> Iterator[str]:
    """What to set up on each device that calls: its addresses, without the token."""
    base = f"http://<this device>:{plan.webhook_port}"
    for door in plan.doors:
        if door.kind == WEBHOOK:
            yield f"{door.id} calls {base}/doors/{door.id}/open and …/closed"
    for reader in plan.readers:
        if reader.kind == WEBHOOK:
            yield f"{reader.id} calls {base}/readers/{reader.id}/granted and …/denied"
    if plan.webhook_token_file:
        yield f"each with ?token=…, or a Bearer header; the token is in {plan.webhook_token_file}"
