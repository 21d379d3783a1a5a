"""The catalog: well-formed, and strict about which file is which model."""

import hashlib
import logging
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner

from configs.problems import ConfigError
from models.catalog import (
    CATALOG,
    Catalog,
    ModelError,
    ModelMismatch,
    ModelMissing,
    UnknownModel,
    folders,
    resolve,
    shipped,
)
from models.cli import cli

WEIGHTS = b"not a model, but a file"
SHA256 = hashlib.sha256(WEIGHTS).hexdigest()

ENTRY = f"""
  - name: tiny-one
    title: For tests
    task: detect
    decoder: yolox
    file: tiny_one.onnx
    size_wh: [64, 32]
    channels: rgb
    scale: 1.0
    fit: stretch
    class_list: two
    licence: Apache-2.0
    sha256: {SHA256}
    size_bytes: {len(WEIGHTS)}
"""
LISTS = "class_lists:\n  - {name: two, classes: [person, dog]}\n"


def catalog_of(folder: Path, text: str) -> Catalog:
    path = folder / "catalog.yaml"
    path.write_text(text, encoding="utf-8")
    return Catalog(path)


@pytest.fixture
def tiny(tmp_path: Path) -> Catalog:
    return catalog_of(tmp_path, LISTS + "models:" + ENTRY)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "tiny_one.onnx").write_bytes(WEIGHTS)
    return folder


def test_the_shipped_catalog_loads_and_names_its_models() -> None:
    catalog = Catalog()
    names = {entry.name for entry in catalog.entries}
    assert {"yolox-nano", "fastestdet", "yunet"} <= names
    for entry in catalog.entries:
        assert catalog.labels(entry)
        assert entry.licence in {"Apache-2.0", "BSD-3-Clause"}


def test_coco_has_its_80_classes_in_order() -> None:
    catalog = Catalog()
    entry = catalog.named("yolox-nano")
    assert entry is not None
    labels = catalog.labels(entry)
    assert len(labels) == len(set(labels)) == 80
    assert (labels[0], labels[2], labels[16], labels[79]) == ("person", "car", "dog", "toothbrush")


def test_every_shipped_weights_file_is_the_one_in_the_catalog() -> None:
    shipped = {entry.file: entry for entry in Catalog().entries}
    for path in (CATALOG.parent / "weights").glob("*.onnx"):
        entry = shipped[f"weights/{path.name}"]
        assert hashlib.sha256(path.read_bytes()).hexdigest() == entry.sha256
        assert path.stat().st_size == entry.size_bytes


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("yolox-nano", "yolox_nano.onnx"),
        ("fastestdet", "fastestdet.onnx"),
        ("yunet", "yunet_n_320.onnx"),
    ],
)
def test_the_trial_models_are_those_of_the_catalog(shared: Path, name: str, file: str) -> None:
    found = resolve(name, [shared / "models"])
    assert found.path == shared / "models" / file
    assert found.sha256 == found.entry.sha256
    assert found.path.stat().st_size == found.entry.size_bytes


def test_a_name_is_found_in_a_folder(tiny: Catalog, weights: Path) -> None:
    found = resolve("Tiny_One", [weights / "absent", weights], catalog=tiny)
    assert (found.path, found.sha256) == (weights / "tiny_one.onnx", SHA256)
    assert found.labels == ("person", "dog")


def test_a_path_is_known_by_its_sha256_whatever_its_name(tiny: Catalog, tmp_path: Path) -> None:
    path = tmp_path / "renamed.onnx"
    path.write_bytes(WEIGHTS)
    assert resolve(str(path), catalog=tiny).entry.name == "tiny-one"


def test_other_weights_under_a_known_file_name_run_with_a_warning(
    tiny: Catalog, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "tiny-one.onnx"
    path.write_bytes(b"fine-tuned")
    with caplog.at_level(logging.WARNING):
        found = resolve(str(path), catalog=tiny)
    assert found.sha256 == hashlib.sha256(b"fine-tuned").hexdigest()
    assert "other weights" in caplog.text


def test_a_wrong_file_under_a_catalog_name_is_refused(tiny: Catalog, weights: Path) -> None:
    (weights / "tiny_one.onnx").write_bytes(b"something else")
    with pytest.raises(
        ModelMismatch, match=rf"tiny_one\.onnx is not tiny-one.*{SHA256}.*pull tiny-one` fetches"
    ):
        resolve("tiny-one", [weights], catalog=tiny)


def test_a_model_that_is_not_here_says_where_to_put_it(tiny: Catalog, tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"put tiny_one\.onnx into .*nowhere"):
        resolve("tiny-one", [tmp_path / "nowhere"], catalog=tiny)
    with pytest.raises(ModelMissing, match=r"fetched from https://github\.com/Megvii"):
        resolve("yolox-nano", [tmp_path])
    with pytest.raises(ModelMissing, match=r"there is no model file .*gone\.onnx"):
        resolve(str(tmp_path / "gone.onnx"), catalog=tiny)


def test_an_unknown_model_is_answered_with_the_known_and_the_nearest(
    tiny: Catalog, tmp_path: Path
) -> None:
    with pytest.raises(UnknownModel, match=r"'tiny': known are tiny-one; did you mean 'tiny-one'"):
        resolve("tiny", catalog=tiny)
    stranger = tmp_path / "stranger.onnx"
    stranger.write_bytes(b"?")
    with pytest.raises(UnknownModel, match=r"stranger\.onnx': known are tiny-one$"):
        resolve(str(stranger), catalog=tiny)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (LISTS + "models:" + ENTRY + ENTRY, "two models have the same name"),
        ("models:" + ENTRY, "there is no class list 'two'; known: none"),
        (
            LISTS + "models:" + ENTRY.replace("class_list: two", "classes: []"),
            "tiny-one: give either classes or class_list",
        ),
    ],
)
def test_a_catalog_that_contradicts_itself_is_refused(
    tmp_path: Path, text: str, complaint: str
) -> None:
    with pytest.raises(ModelError, match=complaint):
        catalog_of(tmp_path, text)


def test_a_misspelt_key_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"catalog\.yaml:14: .*licens: .*did you mean 'licence'"):
        catalog_of(tmp_path, LISTS + "models:" + ENTRY.replace("licence:", "licens:"))


def test_the_folder_of_models_comes_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LINLI_MODELS", str(tmp_path))
    assert folders() == (tmp_path,)
    monkeypatch.delenv("LINLI_MODELS")
    assert folders() == (Path.home() / ".local/share/linli/models",)


def test_list_shows_every_model_and_whether_it_is_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    (tmp_path / "fastestdet.onnx").write_bytes(b"damaged")
    result = CliRunner().invoke(cli, ["list", "--folder", str(tmp_path)])
    assert result.exit_code == 0
    lines = {line.split()[1]: line for line in result.output.splitlines() if "│" in line}
    assert "missing" in lines["yolox-nano"]
    assert "mismatch" in lines["fastestdet"]


def test_info_tells_all_about_one_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    result = CliRunner().invoke(cli, ["info", "yolox-nano"])
    assert result.exit_code == 0
    assert "416×416" in result.output
    assert "80: person, bicycle" in result.output


def test_info_says_what_was_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    for name in ("yolox-tiny", "yolox-s"):
        told = CliRunner().invoke(cli, ["info", name]).output
        assert "accuracy: not by Linli" in told
        assert "random weights, for the time alone" in told
        assert "Never run by Linli" in told
    told = CliRunner().invoke(cli, ["info", "starter"]).output
    assert "accuracy: not" not in told
    assert "ships with Linli" in told


def test_info_cuts_no_checksum_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    folded = "".join(CliRunner().invoke(cli, ["info", "yolox-nano"]).output.split())
    assert "…" not in folded
    assert "d39bee73564e338080378b0ad567fbb40e818b55bbfaf971" in folded.replace("│", "")


def test_info_about_an_unknown_model_fails_with_a_suggestion() -> None:
    result = CliRunner().invoke(cli, ["info", "yolox-nan"])
    assert result.exit_code == 1
    assert "did you mean 'yolox-nano'?" in result.output


def test_verify_fails_where_a_file_differs(tmp_path: Path) -> None:
    (tmp_path / "fastestdet.onnx").write_bytes(b"damaged")
    result = CliRunner().invoke(cli, ["verify", "--folder", str(tmp_path)])
    assert result.exit_code == 1
    assert "fastestdet: mismatch" in result.output
    assert "1 file(s) differ" in result.output
    assert f"the sha256 of {tmp_path}/fastestdet.onnx is " in result.output
    assert "expected 31cb14c017fce347" in result.output


def test_verify_tells_of_files_that_no_catalog_names(tmp_path: Path) -> None:
    (tmp_path / "mine.onnx").write_bytes(b"weights")
    result = CliRunner().invoke(cli, ["verify", "--folder", str(tmp_path)])
    assert result.exit_code == 0
    assert f"{tmp_path}/mine.onnx: in no catalog; `linli models add" in result.output


def test_verify_accepts_the_trial_models(shared: Path) -> None:
    result = CliRunner().invoke(cli, ["verify", "--folder", str(shared / "models")])
    assert result.exit_code == 0
    assert "yolox-nano: ok" in result.output


def test_an_entry_without_a_checksum_must_say_so(tmp_path: Path) -> None:
    bare = ENTRY.replace(f"    sha256: {SHA256}\n", "")
    with pytest.raises(ModelError, match="give either sha256 or unverified: true"):
        catalog_of(tmp_path, LISTS + "models:" + bare)
    with pytest.raises(ModelError, match="give either sha256 or unverified: true"):
        catalog_of(tmp_path, LISTS + "models:" + ENTRY + "    unverified: true\n")
    entry = catalog_of(tmp_path, LISTS + "models:" + bare + "    unverified: true\n").named(
        "tiny-one"
    )
    assert entry is not None
    assert entry.unverified


def test_a_published_export_of_the_same_weights_is_right_too(tmp_path: Path) -> None:
    other = f"    published: {{sha256: {'b' * 64}, size_bytes: 5}}\n"
    with pytest.raises(ModelError, match="published goes with sha256 and urls"):
        catalog_of(tmp_path, LISTS + "models:" + ENTRY + other)
    entry = shipped().named("yolox-nano")
    assert entry is not None
    assert len(entry.files) == 2
    assert entry.files[entry.sha256] == entry.size_bytes
    assert shipped().of_file(Path("any.onnx"), list(entry.files)[1]) is entry


def test_every_model_that_can_be_fetched_has_a_checksum_and_a_size() -> None:
    assert all(each.files for each in shipped().entries)
    assert all(size for each in shipped().entries for size in each.files.values())


def test_an_unverified_model_runs_with_a_warning_that_names_its_sha256(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = "models:" + ENTRY.replace(f"    sha256: {SHA256}\n", "    unverified: true\n")
    text = text.replace("class_list: two", "class_list: coco80")
    (tmp_path / "catalog.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "tiny_one.onnx").write_bytes(WEIGHTS)
    assert resolve("tiny-one", [tmp_path]).sha256 == SHA256
    assert f"no checksum for it; its sha256 is {SHA256}" in caplog.text
    result = CliRunner().invoke(cli, ["verify", "--folder", str(tmp_path)])
    assert result.exit_code == 0
    assert f"tiny-one: unverified, no checksum to compare with; its sha256 is {SHA256}" in (
        result.output
    )


def test_the_catalog_of_a_folder_is_read_with_the_shipped_one(tmp_path: Path) -> None:
    text = "models:" + ENTRY.replace("class_list: two", "class_list: coco80")
    (tmp_path / "catalog.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "tiny_one.onnx").write_bytes(WEIGHTS)
    found = resolve("tiny-one", [tmp_path])
    assert found.path == tmp_path / "tiny_one.onnx"
    assert len(found.labels) == 80
    result = CliRunner().invoke(cli, ["verify", "--folder", str(tmp_path)])
    assert "tiny-one: ok" in result.output


def test_a_local_entry_may_not_take_a_shipped_name(tmp_path: Path) -> None:
    text = LISTS + "models:" + ENTRY.replace("name: tiny-one", "name: yolox-nano")
    (tmp_path / "catalog.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ModelError, match=r"two models have the same name \(the other is in .*yaml"):
        resolve("yolox-nano", [tmp_path])
    result = CliRunner().invoke(cli, ["list", "--folder", str(tmp_path)])
    assert result.exit_code == 1
    assert "two models have the same name" in result.output


def test_what_needs_no_inference_library_runs_without_one(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "for name in ('cv2', 'numpy', 'onnxruntime'):\n"
        "    sys.modules[name] = None\n"
        "from models.cli import cli\n"
        "cli(sys.argv[1:])\n"
    )
    run = partial(subprocess.run, capture_output=True, text=True, check=False, timeout=240)
    words = [sys.executable, "-c", code]
    listed = run([*words, "list", "--folder", str(tmp_path)])
    assert listed.returncode == 0, listed.stderr
    assert "starter" in listed.stdout
    bench = run([*words, "bench", "--folder", str(tmp_path)])
    assert bench.returncode == 1
    assert "pip install 'linli[edge]'" in bench.stderr
