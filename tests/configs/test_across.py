"""A site held against the edge files of its nodes."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from configs.cli import cli

SITE = """\
site: {id: garden, name: Garden, timezone: UTC}
nodes: [{id: n, sources: [{id: cam}, {id: reader}]}, {id: other}]
places:
  - id: yard
    name: Yard
    views: [[{node: n, source: cam, zone: yard}]]
    lines: [{node: n, source: cam, line: gate}]
    doors: [{node: n, source: door}]
  - {id: hall, name: Hall, views: [[{node: other, source: cam, zone: z}]]}
rules:
  - {id: crowd, title: C, places: [yard], when: [{signal: occupancy.person, above: 5}]}
  - {id: bike, title: B, places: ["*"], when: [{signal: stationary.bicycle, above: 5}]}
"""
EDGE = """\
site: garden
node: n
cameras:
  - id: cam
    street: {seed: 1}
    zones: [{id: yard, polygon: [[0, 0], [1, 0], [1, 1]], labels: [person, car]}]
    lines: [{id: gate, points: [[0, 0], [1, 1]]}]
doors: [{id: door, kind: webhook}]
readers: [{id: reader, kind: webhook, door: door}]
"""


def _check(folder: Path, site: str, *edges: str) -> Result:
    (folder / "site.yaml").write_text(site, encoding="utf-8")
    names = [f"edge-{index}.yaml" for index in range(len(edges))]
    for name, text in zip(names, edges, strict=True):
        (folder / name).write_text(text, encoding="utf-8")
    files = [str(folder / name) for name in ("site.yaml", *names)]
    return CliRunner().invoke(cli, files)


def test_a_site_that_fits_its_edge_files_is_good_and_nodes_without_one_are_left_alone(
    tmp_path: Path,
) -> None:
    assert _check(tmp_path, SITE, EDGE).exit_code == 0


def test_it_is_told_what_becomes_of_residents_photos(
    tmp_path: Path, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINLI_MODELS", str(tmp_path))
    without = _check(tmp_path, SITE).output
    assert "only staff see residents' photos, as no faces are blurred" in without
    assert "`linli models pull yunet`" in without
    shutil.copy(shared / "models" / "yunet_n_320.onnx", tmp_path)
    assert "photos are blurred with" in _check(tmp_path, SITE).output
    closed = _check(tmp_path, SITE + "residents: {open: false}\n")
    assert closed.output == f"{tmp_path / 'site.yaml'}: good\n"


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        (
            "zone: yard", "zone: yrad",
            (
                "6: places[0].views[0][0].zone: n/cam has no zone 'yrad' in its edge file "
                "(did you mean 'yard'?)"
            ),
        ),
        (
            "line: gate", "line: gat",
            (
                "7: places[0].lines[0].line: n/cam has no line 'gat' in its edge file "
                "(did you mean 'gate'?)"
            ),
        ),
        (
            "source: door", "source: dor",
            (
                "8: places[0].doors[0].source: 'dor' is no door or reader in the edge file of n "
                "(did you mean 'door'?)"
            ),
        ),
        (
            "{node: n, source: cam, line", "{node: n, source: cma, line",
            (
                "7: places[0].lines[0].source: 'cma' is no camera in the edge file of n "
                "(did you mean 'cam'?)"
            ),
        ),
        (
            "[{id: cam}", "[{id: camm}",
            (
                "2: nodes[0].sources[0].id: 'camm' is no camera, door or reader in the edge file "
                "of n (did you mean 'cam'?)"
            ),
        ),
        (
            "occupancy.person", "occupancy.persn",
            (
                "11: rules[0].when[0].signal: no zone in view of the rule's places looks for "
                "'persn' (did you mean 'person'?)"
            ),
        ),
        (
            "occupancy.person", "dwell.dog",
            (
                "11: rules[0].when[0].signal: no zone in view of the rule's places looks for 'dog' "
                "(one of: car, person)"
            ),
        ),
        (
            "occupancy.person", "flow.in.car",
            (
                "11: rules[0].when[0].signal: no line of the rule's places looks for 'car' "
                "(one of: person)"
            ),
        ),
        (
            "occupancy.person", "flow.in.person",
            "11: rules[0].when[0].signal: 'flow.in.person' is no signal (did you mean 'flow.in'?)",
        ),
    ],
)  # fmt: skip
def test_what_no_edge_file_has_is_told_where_the_site_says_it(
    tmp_path: Path, before: str, after: str, says: str
) -> None:
    result = _check(tmp_path, SITE.replace(before, after, 1), EDGE)
    assert result.exit_code == 2
    told = [line.partition("site.yaml:")[2] for line in result.output.splitlines()]
    assert [line for line in told if line] == [says]


@pytest.mark.parametrize("signal", [
    "flow.in", "flow.out", "tailgating", "surprise.flow", "surprise.flow.news",
])  # fmt: skip
def test_what_counts_persons_over_a_line_for_cars_alone_is_told(
    tmp_path: Path, signal: str
) -> None:
    site = SITE.replace("occupancy.person", signal).replace("door}]", "door, controlled: true}]")
    edge = EDGE.replace("[1, 1]]}]", "[1, 1]], labels: [car]}]")
    result = _check(tmp_path, site, edge)
    says = "no line of the rule's places looks for 'person' (one of: car)"
    assert says in result.output
    site = site.replace(signal, "flow.in.car")
    assert _check(tmp_path, site, edge).exit_code == 0


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        (
            "labels: [person, car]", "labels: [persn]",
            (
                "6: cameras[0].zones[0].labels[0]: 'persn' is not among model.labels, so the "
                "detector never reports it (did you mean 'person'?)"
            ),
        ),
        (
            "node: n", "node: n\nmodel: {labels: [person, car, cat, motorcicle]}",
            (
                "3: model.labels[2]: starter does not know 'cat' (did you mean 'car'?)\n"
                "3: model.labels[3]: starter does not know 'motorcicle' "
                "(did you mean 'motorcycle'?)"
            ),
        ),
        (
            "node: n", "node: n\nmodel: {labels: [car]}",
            (
                "8: cameras[0].lines[0]: 'person' is not among model.labels, so the detector never "
                "reports it (one of: car)\n"
                "7: cameras[0].zones[0].labels[0]: 'person' is not among model.labels, so the "
                "detector never reports it (one of: car)"
            ),
        ),
    ],
)  # fmt: skip
def test_a_label_that_the_model_or_the_detector_never_gives_is_told(
    tmp_path: Path, before: str, after: str, says: str
) -> None:
    result = _check(tmp_path, SITE, EDGE.replace(before, after, 1))
    assert result.exit_code == 2
    told = [line.partition("edge-0.yaml:")[2] for line in result.output.splitlines()]
    assert sorted(line for line in told if line) == sorted(says.splitlines())


def test_a_model_that_the_catalog_does_not_know_is_left_alone(tmp_path: Path) -> None:
    edge = EDGE.replace("node: n", "node: n\nmodel: {name: /opt/ours.onnx, labels: [person, car]}")
    assert _check(tmp_path, SITE, edge).exit_code == 0


def test_an_edge_file_of_another_site_or_one_with_mistakes_is_not_held_against_a_site(
    tmp_path: Path,
) -> None:
    site = SITE.replace("zone: yard", "zone: yrad", 1)
    assert _check(tmp_path, site, EDGE.replace("garden", "court")).exit_code == 0
    result = _check(tmp_path, site, EDGE.replace("zones:", "zone:"))
    assert "site.yaml: good" in result.output
    assert "is not known here" in result.output
