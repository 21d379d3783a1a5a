"""Load a configuration file, or say everything that is wrong with it.

    site = configs.load_site(Path("site.yaml"))

Every loader raises `ConfigError` with all problems found, each with file, line, path
and, where one is known, a suggestion.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeVar

from msgspec.structs import replace

from configs import across, check, rule_check, together
from configs.agent import EdgeFile, HomeAssistant
from configs.convert import Converter
from configs.document import Document, read
from configs.notify import Route
from configs.problems import ConfigError, Problem
from configs.rules import Rule, RulesFile
from configs.servers import HubFile, HubSettings, SeriesSettings, WebFile, WebSettings
from configs.site import SiteFile
from wire.mqtt import Broker

T = TypeVar("T")
Drafts = Mapping[Path, str]
"""What is to stand in files that are on disk as they were; by resolved path."""
NONE: Final[Drafts] = MappingProxyType({})


def load(path: Path, kind: type[T]) -> T:
    """A file as ``kind``, by its shape alone."""
    document = read(path)
    return _done(_typed(document, kind), document)


def load_edge(path: Path, knows: check.Knows = lambda _: ()) -> EdgeFile:
    """An edge.yaml, checked; files it names are relative to its folder.

    ``knows`` gives the labels of the models that are known here.
    """
    document = read(path)
    found = _typed(document, EdgeFile)
    if found is not None:
        check.edge(found, document, knows)
    edge = _done(found, document)
    cameras = tuple(
        replace(camera, file=_beside(path, camera.file)) if camera.file else camera
        for camera in edge.cameras
    )
    return replace(
        edge,
        data=_beside(path, edge.data),
        cameras=cameras,
        mqtt=_broker_beside(path, edge.mqtt),
        sensors_mqtt=_broker_beside(path, edge.sensors_mqtt) if edge.sensors_mqtt else None,
        home_assistant=_home_beside(path, edge.home_assistant),
        webhooks=replace(edge.webhooks, token_file=_beside(path, edge.webhooks.token_file)),
    )


def _home_beside(path: Path, home: HomeAssistant | None) -> HomeAssistant | None:
    if home is None or home.mqtt is None:
        return home
    return replace(home, mqtt=_broker_beside(path, home.mqtt))


def load_site(path: Path, drafts: Drafts = NONE, edges: Sequence[EdgeFile] = ()) -> SiteFile:
    """A site.yaml with the rules of its rule files, checked; also against its nodes' ``edges``."""
    document = _read(path, drafts)
    site = _typed(document, SiteFile)
    if site is None:
        raise ConfigError(document.problems)
    check.site(site, document)
    places, country = check.targets(site, document), site.site.country
    rule_check.rules(site.rules, places, country, document)
    sources, documents = [(rule, document) for rule in site.rules], [document]
    unread: list[Problem] = []
    for index, name in enumerate(site.rule_files):
        if not (path.parent / name).is_file():
            message = f"there is no file {name!r} beside this one"
            document.complain(site, f"rule_files.{index}", message)
            continue
        try:
            taken = {rule.id for rule, _ in sources}
            extra, of = _rule_file(path.parent / name, taken, places, country, drafts)
        except ConfigError as error:
            unread += error.problems
            continue
        sources += [(rule, of) for rule in extra]
        documents.append(of)
    if not unread:
        together.site(site, sources, places, document)
        across.site(site, sources, edges, document)
    problems = [*unread, *(problem for of in documents for problem in of.problems)]
    if problems:
        raise ConfigError(problems)
    rules = [rule for rule, _ in sources]
    return replace(
        site,
        site=replace(site.site, plan=_beside(path, site.site.plan)),
        rules=tuple(rules),
        rule_files=(),
        routes=tuple(_route_beside(path, route) for route in site.routes),
        hub=_hub_of(path, site),
        web=_web_beside(path, site.web),
        residents=replace(
            site.residents, api_keys_file=_beside(path, site.residents.api_keys_file)
        ),
    )


def _read(path: Path, drafts: Drafts) -> Document:
    return read(path, drafts.get(path.resolve()))


def _hub_of(path: Path, site: SiteFile) -> HubSettings:
    """The site's hub; where the site brings a broker of its own, on that one."""
    hub = _hub_beside(path, site.hub)
    if site.broker is None:
        return hub
    return replace(hub, mqtt=replace(hub.mqtt, host="127.0.0.1", port=site.broker.port))


def _rule_file(
    path: Path, taken: set[str], places: set[str] | None, country: str | None,
    drafts: Drafts = NONE,
) -> tuple[tuple[Rule, ...], Document]:  # fmt: skip
    document = _read(path, drafts)
    found = _typed(document, RulesFile)
    rules = found.rules if found is not None else ()
    rule_check.rules(rules, places, country, document)
    for rule in rules:
        if rule.id in taken:
            document.complain(
                rule, "id", f"{rule.id!r} is given in another file", "ids must differ"
            )
    return rules, document


def _typed(document: Document, kind: type[T]) -> T | None:
    value = {} if document.value is None else document.value
    found: T | None = Converter(document).convert(value, kind)
    return found


def _done(found: T | None, document: Document) -> T:
    if found is None or document.problems:
        raise ConfigError(document.problems)
    return found


def load_hub(path: Path) -> tuple[HubSettings, tuple[SiteFile, ...]]:
    """A hub.yaml and the sites it names, or a site.yaml that says how its hub runs."""
    if _is_site(path):
        site = load_site(path)
        return site.hub, (site,)
    file = load(path, HubFile)
    return _hub_beside(path, file.hub), _sites(path, file.sites)


def load_web(path: Path) -> tuple[WebSettings, tuple[SiteFile, ...]]:
    """A web.yaml and the sites it names, or a site.yaml that says how its console runs."""
    if _is_site(path):
        site = load_site(path)
        return site.web, (site,)
    file = load(path, WebFile)
    return _web_beside(path, file.web), _sites(path, file.sites)


def load_any(
    path: Path, edges: Sequence[EdgeFile] = (), knows: check.Knows = lambda _: ()
) -> EdgeFile | SiteFile | HubFile | WebFile | RulesFile:
    """Whatever kind of Linli file it is, told by its keys, checked with all it names.

    A site is checked against those of ``edges`` that are its own, an edge file against what its
    model ``knows``.
    """
    keys = read(path).value
    keys = set(keys) if isinstance(keys, dict) else set()
    if keys >= {"rules"} and not keys & {"site", "places", "sites", "node"}:
        rules, document = _rule_file(path, set(), None, None)
        together.inhibits([(rule, document) for rule in rules])
        if document.problems:
            raise ConfigError(document.problems)
        return RulesFile(rules=rules)
    if "sites" in keys:
        if "web" in keys:
            load_web(path)
            return load(path, WebFile)
        load_hub(path)
        return load(path, HubFile)
    if keys & {"node", "cameras", "doors"}:
        return load_edge(path, knows)
    if keys & {"places", "site", "nodes"}:
        return load_site(path, edges=edges)
    raise ConfigError(
        [
            Problem(
                path, 0, "", "is none of Linli's files",
                "a site has site: and places:, an edge site: and node:, "
                "a hub or web file sites:, a rules file rules:",
            )
        ]
    )  # fmt: skip


def folders(path: Path) -> list[Path]:
    """The folders in which a hub.yaml's or site.yaml's files lie: where a change matters."""
    found = {path.parent}
    value = read(path).value
    names = value.get("sites") if isinstance(value, dict) else None
    for name in names or ():
        site = path.parent / str(name)
        found.add(site.parent)
        inner = read(site).value if site.is_file() else None
        found |= {(site.parent / str(rules)).parent for rules in _rule_names(inner)}
    found |= {(path.parent / str(rules)).parent for rules in _rule_names(value)}
    return sorted(found)


def site_files(path: Path) -> list[Path]:
    """The site.yaml of each site that a hub.yaml, web.yaml or site.yaml speaks of, in order."""
    if _is_site(path):
        return [path]
    value = read(path).value
    names = value.get("sites") if isinstance(value, dict) else None
    return [path.parent / str(name) for name in names or ()]


def rule_files(path: Path) -> list[Path]:
    """The files beside a site.yaml in which more of its rules stand, in order."""
    return [path.parent / str(name) for name in _rule_names(read(path).value)]


def _rule_names(value: Any) -> list[Any]:
    names = value.get("rule_files") if isinstance(value, dict) else None
    return names if isinstance(names, list) else []


def _is_site(path: Path) -> bool:
    value = read(path).value
    return isinstance(value, dict) and "site" in value and "sites" not in value


def _sites(path: Path, names: tuple[str, ...]) -> tuple[SiteFile, ...]:
    problems: list[Problem] = []
    sites: list[SiteFile] = []
    for name in names:
        try:
            sites.append(load_site(path.parent / name))
        except ConfigError as error:
            problems.extend(error.problems)
    if problems:
        raise ConfigError(problems)
    return tuple(sites)


def _beside(path: Path, name: str) -> str:
    return str(path.parent / name) if name else ""


def _broker_beside(path: Path, broker: Broker) -> Broker:
    return replace(
        broker,
        password_file=_beside(path, broker.password_file),
        ca_file=_beside(path, broker.ca_file),
    )


def _series_beside(path: Path, series: SeriesSettings) -> SeriesSettings:
    return replace(series, token_file=_beside(path, series.token_file))


def _hub_beside(path: Path, hub: HubSettings) -> HubSettings:
    return replace(
        hub,
        data=_beside(path, hub.data),
        mqtt=_broker_beside(path, hub.mqtt),
        series=_series_beside(path, hub.series),
    )


def _route_beside(path: Path, route: Route) -> Route:
    return replace(
        route,
        url_file=_beside(path, route.url_file),
        token_file=_beside(path, route.token_file),
        folder=_beside(path, route.folder),
        broker=_broker_beside(path, route.broker) if route.broker is not None else None,
    )


def _web_beside(path: Path, web: WebSettings) -> WebSettings:
    return replace(
        web,
        data=_beside(path, web.data),
        secret_file=_beside(path, web.secret_file),
        faces=_beside(path, web.faces),
        series=_series_beside(path, web.series),
    )
