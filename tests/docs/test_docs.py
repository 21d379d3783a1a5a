"""What the docs say is what the program does."""

import re
from pathlib import Path

import pytest

import configs
from tests.docs import pictures, reference

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_the_reference_is_what_the_program_says() -> None:
    assert reference.TARGET.read_text(encoding="utf-8") == reference.text(), (
        "write it anew: python -m tests.docs.reference"
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_inside_the_project_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_each_picture_is_shown_somewhere_and_small() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    drawn = [*(ROOT / "docs").glob("*.webp"), *(ROOT / "docs").glob("*.png")]
    assert {one.stem for one in drawn} >= set(pictures.SHOWN)
    for one in drawn:
        assert f"{one.name})" in text, one.name
        assert one.stat().st_size <= pictures.MAX_BYTES


def test_every_file_that_the_readme_checks_is_good() -> None:
    for path in sorted((ROOT / "configs" / "garden").glob("*.yaml")):
        configs.load_any(path)


def test_every_piece_of_an_edge_yaml_in_the_installers_guide_is_good(tmp_path: Path) -> None:
    guide = (ROOT / "docs" / "installer.md").read_text(encoding="utf-8")
    pieces = re.findall(r"^```yaml\n(.*?)^```", guide, re.M | re.S)
    assert pieces
    for piece in pieces:
        path = tmp_path / "edge.yaml"
        path.write_text(f"site: garden\nnode: gate-1\n{piece}", encoding="utf-8")
        configs.load_edge(path)


def test_every_make_target_that_the_readme_names_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"`?make (\w+)", (ROOT / "README.md").read_text(encoding="utf-8")):
        assert re.search(rf"^{target}:", makefile, re.M), f"make {target}"
