"""Which models Linli knows, where their files are, and whether a file is what it says.

    found = resolve("yolox-nano", folders())
    found.entry, found.path, found.sha256

The catalog is the one that ships, with the ``catalog.yaml`` of each folder of weights.

Errors::

    ModelError
    ├── UnknownModel    neither a catalog name nor a known file
    ├── ModelMissing    in the catalog, but its file is in none of the folders
    └── ModelMismatch   the file's sha256 is not the catalog's
"""

import difflib
import hashlib
import logging
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from configs.loader import load
from models.entries import CatalogFile, Entry

log = logging.getLogger(__name__)

CATALOG = Path(__file__).parent / "catalog.yaml"
WEIGHTS = Path(__file__).parent / "weights"
"""Weights that ship with Linli."""


class ModelError(Exception):
    """A model that cannot be used as asked. Trying again does not help."""


class UnknownModel(ModelError):
    """Neither a catalog name nor a file that the catalog knows."""


class ModelMissing(ModelError):
    """The catalog knows the model, but its file is not here."""


class ModelMismatch(ModelError):
    """A file is not the one that the catalog means."""


class Catalog:
    """The entries of the shipped catalog and of local ones, by name, sha256 and file stem.

    Raises ConfigError where a file is malformed, ModelError where they contradict themselves
    or each other.
    """

    def __init__(self, path: Path = CATALOG, local: Iterable[Path] = ()) -> None:
        self._lists: dict[str, tuple[str, ...]] = {}
        self._by_name: dict[str, Entry] = {}
        self._from: dict[str, Path] = {}
        for each in (path, *local):
            self._add(each)
        self.entries = tuple(self._by_name.values())

    def _add(self, path: Path) -> None:
        content = load(path, CatalogFile)
        for shared in content.class_lists:
            if self._lists.setdefault(shared.name, shared.classes) != shared.classes:
                raise ModelError(f"{path}: class list {shared.name!r} is another elsewhere; rename")
        for entry in content.models:
            self._check(entry, path)
            self._by_name[entry.name] = entry
            self._from[entry.name] = path

    def _check(self, entry: Entry, path: Path) -> None:
        where = f"{path}: {entry.name}"
        if entry.name in self._by_name:
            other = self._from[entry.name]
            also = "" if other == path else f" (the other is in {other})"
            raise ModelError(f"{where}: two models have the same name{also}; rename one")
        if bool(entry.classes) == bool(entry.class_list):
            raise ModelError(f"{where}: give either classes or class_list")
        if entry.class_list and entry.class_list not in self._lists:
            raise ModelError(
                f"{where}: there is no class list {entry.class_list!r}; "
                f"known: {', '.join(sorted(self._lists)) or 'none'}"
            )
        if bool(entry.sha256) == entry.unverified:
            raise ModelError(f"{where}: give either sha256 or unverified: true")
        if entry.published and not (entry.sha256 and entry.urls):
            raise ModelError(f"{where}: published goes with sha256 and urls")

    def labels(self, entry: Entry) -> tuple[str, ...]:
        """The entry's class names, in the order of its outputs."""
        return entry.classes or self._lists[entry.class_list]

    @property
    def class_lists(self) -> tuple[str, ...]:
        """The names of the lists of class names that models share."""
        return tuple(self._lists)

    def class_list(self, name: str) -> tuple[str, ...] | None:
        """A list of class names that models share, such as coco80."""
        return self._lists.get(name)

    def named(self, name: str) -> Entry | None:
        """The entry of a name; ``_`` and ``-`` are the same, capitals do not matter."""
        return self._by_name.get(_plain(name))

    def of_file(self, path: Path, sha256: str) -> Entry | None:
        """The entry that a file belongs to: by its sha256, or else by its stem."""
        by_hash = (entry for entry in self.entries if sha256 in entry.files)
        by_stem = (
            entry
            for entry in self.entries
            if _plain(path.stem) in (entry.name, _plain(Path(entry.file).stem))
        )
        return next(by_hash, None) or next(by_stem, None)

    def unknown(self, asked: str) -> UnknownModel:
        """The error for a model that the catalog does not know."""
        names = sorted(self._by_name)
        near = difflib.get_close_matches(_plain(Path(asked).stem), names, n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        return UnknownModel(f"unknown model {asked!r}: known are {', '.join(names)}{hint}")


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model whose file is here."""

    entry: Entry
    path: Path
    sha256: str
    """Of the file's content, computed."""
    labels: tuple[str, ...]
    """Class names in the order of the outputs."""


@lru_cache(maxsize=1)
def shipped() -> Catalog:
    """The catalog that ships with Linli, alone."""
    return Catalog()


def known(folders: Iterable[Path]) -> Catalog:
    """The shipped catalog with the local ones: the ``catalog.yaml`` of each folder."""
    local = [folder / CATALOG.name for folder in folders]
    return Catalog(local=[path for path in dict.fromkeys(local) if path.is_file()])


def folders() -> tuple[Path, ...]:
    """Where weights are looked for: $LINLI_MODELS, or else ~/.local/share/linli/models."""
    named = os.environ.get("LINLI_MODELS", "")
    if named:
        return tuple(Path(part) for part in named.split(os.pathsep) if part)
    return (Path.home() / ".local/share/linli/models",)


def resolve(
    name_or_path: str, folders: Sequence[Path] = (), *, catalog: Catalog | None = None
) -> ModelFile:
    """The model of a catalog name or of an .onnx file.

    By name, the weights that ship with Linli are looked at first, then the folders in order.
    A file given by its path belongs to the entry with its sha256, or with its stem. Raises
    UnknownModel, ModelMissing or ModelMismatch.
    """
    catalog = catalog or known(folders)
    entry = catalog.named(name_or_path)
    if entry is not None:
        return _of_name(entry, folders, catalog)
    path = Path(name_or_path)
    if path.suffix.lower() != ".onnx":
        raise catalog.unknown(name_or_path)
    if not path.is_file():
        raise ModelMissing(f"there is no model file {path}; check the path in model.name")
    sha256 = sha256_of(path)
    entry = catalog.of_file(path, sha256)
    if entry is None:
        raise catalog.unknown(name_or_path)
    if sha256 not in entry.files:
        log.warning(
            "%s is run as %s, but its sha256 is %s, not the catalog's %s: other weights",
            path,
            entry.name,
            sha256,
            " or ".join(entry.files) or "(unknown)",
        )
    return ModelFile(entry, path, sha256, catalog.labels(entry))


def _of_name(entry: Entry, folders: Iterable[Path], catalog: Catalog) -> ModelFile:
    path = find(entry, folders)
    if path is None:
        raise ModelMissing(missing_text(entry, folders))
    sha256 = sha256_of(path)
    if entry.unverified:
        log.warning("%s: the catalog has no checksum for it; its sha256 is %s", path, sha256)
    elif sha256 not in entry.files:
        raise ModelMismatch(
            f"{path} is not {entry.name}: its sha256 is {sha256}, the catalog says "
            f"{' or '.join(entry.files)}; `linli models pull {entry.name}` fetches the right one, "
            f"`linli models add {path}` makes one of your own known"
        )
    return ModelFile(entry, path, sha256, catalog.labels(entry))


def find(entry: Entry, folders: Iterable[Path]) -> Path | None:
    """The file of an entry: among the shipped weights, then in the folders."""
    shipped_file = CATALOG.parent / entry.file
    name = Path(entry.file).name
    candidates = [shipped_file, WEIGHTS / name, *(folder / name for folder in folders)]
    return next((path for path in candidates if path.is_file()), None)


def missing_text(entry: Entry, folders: Iterable[Path]) -> str:
    """What to tell someone who lacks the weights of an entry."""
    places = ", ".join(str(folder) for folder in folders) or "the folder that LINLI_MODELS names"
    source = f"; it can be fetched from {entry.urls[0]}" if entry.urls else ""
    return (
        f"the weights of {entry.name} are not here: `linli models pull {entry.name}`, or put "
        f"{entry.file} into {places}{source}"
    )


def sha256_of(path: Path) -> str:
    """The sha256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _plain(name: str) -> str:
    return name.lower().replace("_", "-")
