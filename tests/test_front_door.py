"""The front door opens rooms one by one: none needs the libraries of another."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

import linli

ROOT = Path(__file__).parents[1]
FOREIGN = {
    "edge": ["flask", "sqlalchemy", "alembic", "influxdb_client", "waitress", "argon2"],
    "hub": ["cv2", "onnxruntime", "flask", "waitress"],
    "web": ["cv2", "onnxruntime", "iotcore"],
    "check": ["cv2", "onnxruntime", "flask", "sqlalchemy"],
}


@pytest.mark.parametrize("room", FOREIGN)
def test_a_room_opens_without_the_libraries_of_the_others(room: str) -> None:
    blocked = "; ".join(f"sys.modules[{name!r}] = None" for name in FOREIGN[room])
    code = f"import sys; {blocked}; import linli; linli.main([{room!r}, '--help'])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Usage:" in done.stdout


def test_a_room_whose_libraries_are_missing_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(linli.COMMANDS, "web", ("no_such_library", "The console."))
    done = CliRunner().invoke(linli.main, ["web", "run"])
    assert done.exit_code == 1
    assert "pip install 'linli[web]'" in done.output


def test_every_room_travels_in_the_wheel() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    shipped = set(project["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"])
    rooms = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    assert shipped == rooms | {"linli.py"}
