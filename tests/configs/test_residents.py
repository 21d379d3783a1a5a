"""What a site's `residents` may say of whom to tell."""

from pathlib import Path

import pytest

import configs

SITE = """\
site: {id: s, name: S, timezone: UTC}
nodes: []
places: []
routes:
  - {id: wang, kind: apprise, url_env: WANG}
  - {id: bus, kind: mqtt}
  - {id: letters, kind: apprise, url_env: MAIL, base_url: "https://s.example"}
  - {id: few, kind: apprise, url_env: M, base_url: "https://s", at_most: {count: 1, per: 1m}}
residents:
"""


def written(folder: Path, residents: str) -> Path:
    path = folder / "site.yaml"
    path.write_text(f"{SITE}  {residents}\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("residents", "says"),
    [
        (
            "escalate: [{percent: 75, to: [wagn]}]",
            "residents.escalate[0].to: 'wagn' is no route of the site (did you mean 'wang'?)",
        ),
        (
            "owners: {li: bus}",
            ("residents.owners.li: 'bus' is a mqtt route, which tells of alerts alone "
            "(name one of kind apprise or webhook)"),
        ),
        (
            "escalate: [{percent: 75, to: [owner]}]",
            ("residents.owners: names nobody, and escalate tells the owner "
            "(write name: route for each who deals with cases)"),
        ),
        (
            "mail: wang",
            ("residents.mail: 'wang' cannot write to reporters (give it kind: apprise, and "
            "base_url: the address that residents reach)"),
        ),
        (
            "mail: few",
            ("residents.mail: 'few' folds messages together (each letter is for one reader "
            "alone; leave at_most out)"),
        ),
    ],
)  # fmt: skip
def test_who_cannot_be_told_is_named(tmp_path: Path, residents: str, says: str) -> None:
    with pytest.raises(configs.ConfigError) as refused:
        configs.load_any(written(tmp_path, residents))
    assert says in str(refused.value)


def test_owners_managers_and_reporters_can_be_told(tmp_path: Path) -> None:
    text = (
        "{mail: letters, owners: {李: wang}, "
        "escalate: [{percent: 50, to: [owner]}, {percent: 100, to: [wang]}]}"
    )
    path = tmp_path / "site.yaml"
    path.write_text(SITE.replace("residents:\n", f"residents: {text}\n"), encoding="utf-8")
    configs.load_any(path)
