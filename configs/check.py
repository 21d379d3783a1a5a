"""What a file's shape cannot say: references, names given twice, thresholds that fight.

Each check takes structs and the document they were read from, and leaves what it finds
in that document's problems. A document that has other problems is checked as far as it
could be read, so that all is reported at once.
"""

import zoneinfo
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from msgspec import Struct

from configs import notify
from configs.agent import AccessReader, Camera, DoorSensor, EdgeFile, Line, Model, Zone
from configs.days import calendar, countries
from configs.document import Document
from configs.notify import Route
from configs.plan import drawing
from configs.problems import did_you_mean
from configs.residents import OWNER, Residents
from configs.signals import is_signal
from configs.site import CountingLine, DoorOf, Place, SiteFile, SourceOf, View

HOUR_MS = 3_600_000


Knows = Callable[[str], Sequence[str]]
"""What a model knows, by the name or path of it; nothing where that is not known here."""


def edge(file: EdgeFile, document: Document, knows: Knows = lambda _: ()) -> None:
    """An edge.yaml; where ``knows`` knows the model, also whether it knows what is looked for."""
    differ((*file.cameras, *file.doors, *file.readers), document)
    there = knows(file.model.name)
    if there and document.says(file.model, "labels") is not None:
        for index, label in enumerate(file.model.labels):
            if label not in there:
                message = f"{file.model.name} does not know {label!r}"
                document.complain(file.model, f"labels.{index}", message, _nearest(label, there))
    for camera in file.cameras:
        _camera(camera, document)
        parts: list[Zone | Line] = [*camera.zones, *camera.lines]
        for part in parts:
            _labels(part, file.model, there, document)
    streets = {camera.id for camera in file.cameras if camera.street is not None}
    for door in file.doors:
        _door(door, streets, document)
    for reader in file.readers:
        _wired(reader, document)
        doors = {door.id for door in file.doors}
        if reader.door and reader.door not in doors:
            hint = did_you_mean(reader.door, doors)
            document.complain(reader, "door", f"{reader.door!r} is no door here", hint)
        if reader.kind == "mqtt" and not reader.topic:
            document.complain(reader, "", "topic is missing", "where the reader publishes")
    _pins(file, document)
    if file.pictures.keep < HOUR_MS:
        hint = "an hour (1h) or more: what waits for the broker is read from there"
        document.complain(file.pictures, "keep", "is too short to outlast an outage", hint)


def _camera(camera: Camera, document: Document) -> None:
    names = ("url", "file", "usb", "street")
    given = [name for name in names if getattr(camera, name) not in ("", None)]
    if len(given) != 1:
        says = " and ".join(given) if given else "nothing"
        hint = "give exactly one of url, file, usb and street"
        document.complain(camera, "", f"has {says} to take pictures from", hint)
    if camera.url and not camera.url.startswith(("rtsp://", "rtsps://", "http://", "https://")):
        hint = "start it with rtsp:// or http://; use file: for a file"
        document.complain(camera, "url", f"{camera.url!r} is no address", hint)
    if "@" in camera.url.partition("://")[2].partition("/")[0]:
        hint = "put the name in username and the password in the variable that password_env names"
        document.complain(camera, "url", "holds a login", hint)
    if not camera.blur and len(camera.unblurred_reason.strip()) < 10:
        hint = "write why heads must stay visible; it is shown to the site"
        document.complain(camera, "blur", "is off without unblurred_reason", hint)
    differ(camera.zones, document)
    differ(camera.lines, document)


def _labels(
    part: Zone | Line, model: Model, there: Sequence[str], document: Document
) -> None:  # fmt: skip
    """A zone or a line looks for what the detector is told to report, and can."""
    for index, label in enumerate(part.labels):
        if label not in model.labels:
            message = f"{label!r} is not among model.labels, so the detector never reports it"
            hint = did_you_mean(label, model.labels)
        elif there and label not in there and document.says(model, "labels") is None:
            message = f"{model.name} does not know {label!r}"
            hint = _nearest(label, there)
        else:
            continue
        written = document.says(part, "labels") is not None
        document.complain(part, f"labels.{index}" if written else "", message, hint)


def _nearest(label: str, there: Sequence[str]) -> str:
    return did_you_mean(label, there) or "`linli models info` lists what it knows"


def _door(door: DoorSensor, streets: set[str], document: Document) -> None:
    if door.kind == "zigbee2mqtt" and not door.topic:
        hint = "the device's topic, such as zigbee2mqtt/west gate"
        document.complain(door, "", "topic is missing", hint)
    _wired(door, document)
    if door.kind == "simulated" and door.camera not in streets:
        message = f"{door.camera!r} is no camera with a street here"
        document.complain(door, "camera", message, did_you_mean(door.camera, streets))


def _wired(part: DoorSensor | AccessReader, document: Document) -> None:
    if part.kind == "gpio" and part.pin is None:
        document.complain(part, "", "pin is missing", "the pin's BCM number")
    if part.kind != "gpio" and part.pin is not None:
        document.complain(part, "pin", f"is of no use to {part.kind}", "kind: gpio reads a pin")


def _pins(file: EdgeFile, document: Document) -> None:
    taken: dict[int, str] = {}
    parts: list[DoorSensor | AccessReader] = [*file.doors, *file.readers]
    for part in parts:
        if part.pin is None:
            continue
        if part.pin in taken:
            message = f"{part.pin} is taken by {taken[part.pin]!r}"
            document.complain(part, "pin", message, "one contact, one pin")
        taken[part.pin] = part.id


def site(file: SiteFile, document: Document) -> None:
    """A site.yaml, its rules apart."""
    differ(file.places, document)
    differ(file.nodes, document)
    if file.site.timezone not in zoneinfo.available_timezones():
        hint = did_you_mean(file.site.timezone, zoneinfo.available_timezones())
        document.complain(file.site, "timezone", f"{file.site.timezone!r} is no IANA zone", hint)
    country_known(file.site, file.site.country, "", document)
    if file.site.plan and not (document.file.parent / file.site.plan).is_file():
        document.complain(file.site, "plan", f"there is no file {file.site.plan!r} beside this one")
    for node in file.nodes:
        differ(node.sources, document)
    _stand_on_the_plan(file, document)
    differ(file.routes, document)
    notify.check(file.routes, document)
    _residents(file.residents, document)
    _case_routes(file, document)
    nodes = document.ids("nodes")
    for place in file.places:
        for part in _node_references(place):
            if part.node not in nodes:
                message = f"{part.node!r} is not among the site's nodes"
                document.complain(part, "node", message, did_you_mean(part.node, nodes))


def _stand_on_the_plan(file: SiteFile, document: Document) -> None:
    things: list[Place | SourceOf] = [*file.places]
    things += [source for node in file.nodes for source in node.sources]
    standing = [(one, one.at) for one in things if one.at is not None]
    path = document.file.parent / file.site.plan
    if not path.is_file():
        return
    found = drawing(str(path))
    if found is None:
        message = f"{file.site.plan!r} is no drawing that can be shown"
        document.complain(file.site, "plan", message, "take an SVG with a viewBox, or a PNG")
        return
    right, bottom = found.left + found.width, found.top + found.height
    for one, at in standing:
        if not found.holds(at):
            message = f"[{at[0]:g}, {at[1]:g}] lies outside the plan"
            hint = f"x from {found.left:g} to {right:g}, y from {found.top:g} to {bottom:g}"
            document.complain(one, "at", message, hint)


def _residents(residents: Residents, document: Document) -> None:
    differ(residents.kinds, document)
    differ(residents.templates, document)
    for kind in residents.kinds:
        if not is_signal(f"reports.{kind.id}"):
            hint = "begin it with a letter, 40 characters at the most"
            document.complain(kind, "id", f"{kind.id!r} cannot name a signal", hint)
    if residents.work.start_min > residents.work.end_min:
        hint = "write hours of one day, such as 09:00-18:00"
        document.complain(residents, "work", "runs past midnight", hint)
    if not residents.days:
        document.complain(residents, "days", "names no day", "deadlines count working days")


def _case_routes(file: SiteFile, document: Document) -> None:
    """Whom `residents` and `digest` tell must be routes that can carry it."""
    residents, routes = file.residents, {route.id: route for route in file.routes}
    named: list[tuple[Struct, str, str]] = [
        (step, "to", name) for step in residents.escalate for name in step.to if name != OWNER
    ]
    named += [(file.digest, "to", name) for name in file.digest.to]
    named += [(residents, f"owners.{who}", name) for who, name in residents.owners.items()]
    named += [(residents, "mail", residents.mail)] if residents.mail else []
    for part, path, name in named:
        route = routes.get(name)
        if route is None:
            message = f"{name!r} is no route of the site"
            document.complain(part, path, message, did_you_mean(name, routes))
        elif route.kind not in ("apprise", "webhook"):
            message = f"{name!r} is a {route.kind} route, which tells of alerts alone"
            document.complain(part, path, message, "name one of kind apprise or webhook")
    if any(OWNER in step.to for step in residents.escalate) and not residents.owners:
        document.complain(
            residents, "owners", "names nobody, and escalate tells the owner",
            "write name: route for each who deals with cases",
        )  # fmt: skip
    if residents.mail in routes:
        _mail_route(residents, routes[residents.mail], document)


def _mail_route(residents: Residents, route: Route, document: Document) -> None:
    if route.kind != "apprise" or not route.base_url:
        hint = "give it kind: apprise, and base_url: the address that residents reach"
        document.complain(residents, "mail", f"{route.id!r} cannot write to reporters", hint)
    elif route.at_most:
        hint = "each letter is for one reader alone; leave at_most out"
        document.complain(residents, "mail", f"{route.id!r} folds messages together", hint)


def _node_references(place: Place) -> Iterable[View | CountingLine | DoorOf]:
    for group in place.views:
        yield from group
    yield from place.lines
    yield from place.doors


def targets(file: SiteFile, document: Document) -> set[str]:
    """What a rule's ``places`` may say at this site."""
    tags = {tag for place in file.places for tag in place.tags}
    return {"*", *document.ids("places"), *tags}


def differ(named: Sequence[Any], document: Document) -> None:
    """Ids of a list must differ."""
    seen: set[str] = set()
    for item in named:
        if item.id in seen:
            document.complain(item, "id", f"{item.id!r} is given twice", "ids must differ")
        seen.add(item.id)


def country_known(
    made: Any, country: str, region: str, document: Document, part: str = "country"
) -> bool:
    """Whether its public holidays are known; "" asks for none."""
    if not country:
        return True
    if country not in countries():
        message = f"{country!r} is no country whose holidays are known"
        document.complain(made, part, message, "use its two capital letters, such as CN or DE")
        return False
    try:
        calendar(country, region)
    except ValueError as error:
        document.complain(made, part, str(error), "use the part's code as in ISO 3166-2")
        return False
    return True
