"""The weekly digests on disk: ``<data>/digests/<site>/<day>.<language>.html``, each the inside
of a page, for the console to put into one of its own."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from wire.topics import is_id

KEPT: Final = 60
"""Digests of a site; older ones go."""
LANGUAGES: Final = ("en", "zh")
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


class Shelf:
    """Names are ids and days, so none leads out of the folder."""

    def __init__(self, data: Path) -> None:
        self._root = data / "digests"

    def days(self, site: str) -> list[str]:
        """The days of a site's digests, the newest first."""
        if not is_id(site):
            return []
        names = {path.name.partition(".")[0] for path in (self._root / site).glob("*.en.html")}
        return sorted((name for name in names if _DAY.fullmatch(name)), reverse=True)

    def read(self, site: str, day: str, language: str) -> str:
        """A digest; empty where there is none."""
        if not (is_id(site) and _DAY.fullmatch(day) and language in LANGUAGES):
            return ""
        try:
            return self._path(site, day, language).read_text(encoding="utf-8")
        except OSError:
            return ""

    def put(self, site: str, day: str, texts: Mapping[str, str]) -> None:
        """Keep a digest in each language; a reader sees all of it or nothing. Raises OSError."""
        for language, text in texts.items():
            path = self._path(site, day, language)
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(".part")
            with part.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        for old in self.days(site)[KEPT:]:
            for language in LANGUAGES:
                self._path(site, old, language).unlink(missing_ok=True)

    def _path(self, site: str, day: str, language: str) -> Path:
        return self._root / site / f"{day}.{language}.html"
