"""What a site says of its cameras and doors, against the edge files of its nodes.

A zone that no camera draws, or a label that no zone looks for, is no mistake of either file
alone: each is good, and the rule above them never fires.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from configs.agent import Camera, EdgeFile
from configs.document import Document
from configs.drawn import lacking, of_edges
from configs.problems import did_you_mean
from configs.site import CountingLine, DoorOf, NodeOf, SiteFile, View
from configs.together import Source

Edges = Mapping[str, EdgeFile]
"""The site's edge files that are known, by node."""
Names = Callable[[EdgeFile], set[str]]


def site(
    file: SiteFile, sources: Sequence[Source], edges: Iterable[EdgeFile], document: Document
) -> None:
    """A site against those of ``edges`` that are its own; nodes without one are left alone."""
    known = {edge.node: edge for edge in edges if edge.site == file.site.id}
    for node in file.nodes:
        _node(node, known, document)
    for place in file.places:
        drawn: list[View | CountingLine] = [view for group in place.views for view in group]
        for part in [*drawn, *place.lines]:
            _drawn(part, known, document)
        for door in place.doors:
            _source(door, known, _doors, "door or reader", document)
    looks_for = of_edges(known)
    for rule, of in sources:
        watched = [place for place in file.places if place.answers_to(rule.places)]
        for condition in rule.conditions():
            for one in condition.alternatives:
                lacks = lacking(one.signal, watched, looks_for)
                if lacks is not None:
                    hint = did_you_mean(lacks.label, lacks.found)
                    hint = hint or f"add it to labels: of a {lacks.part}"
                    of.complain(one, "signal", lacks.words, hint)


def _node(node: NodeOf, edges: Edges, document: Document) -> None:
    edge = edges.get(node.id)
    if edge is None:
        return
    there = {*_cameras(edge), *_doors(edge), *(one.id for one in edge.readers)}
    for source in node.sources:
        if source.id not in there:
            message = f"{source.id!r} is no camera, door or reader in the edge file of {node.id}"
            document.complain(source, "id", message, did_you_mean(source.id, there))


def _drawn(part: View | CountingLine, edges: Edges, document: Document) -> None:
    """A view's zone or a line, as its camera has it."""
    _source(part, edges, _cameras, "camera", document)
    camera = _camera(part, edges)
    if camera is None:
        return
    kind, name = ("zone", part.zone) if isinstance(part, View) else ("line", part.line)
    there = {one.id for one in (camera.zones if isinstance(part, View) else camera.lines)}
    if name not in there:
        message = f"{part.node}/{part.source} has no {kind} {name!r} in its edge file"
        document.complain(part, kind, message, did_you_mean(name, there))


def _source(
    part: View | CountingLine | DoorOf, edges: Edges, names: Names, kind: str, document: Document
) -> None:
    edge = edges.get(part.node)
    if edge is not None and part.source not in names(edge):
        message = f"{part.source!r} is no {kind} in the edge file of {part.node}"
        document.complain(part, "source", message, did_you_mean(part.source, names(edge)))


def _camera(part: View | CountingLine, edges: Edges) -> Camera | None:
    cameras = edges[part.node].cameras if part.node in edges else ()
    return next((one for one in cameras if one.id == part.source), None)


def _cameras(edge: EdgeFile) -> set[str]:
    return {one.id for one in edge.cameras}


def _doors(edge: EdgeFile) -> set[str]:
    """What doors' records may be of: a reader's are of the door that it opens."""
    return {*(one.id for one in edge.doors), *(one.door or one.id for one in edge.readers)}
