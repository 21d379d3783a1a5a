"""Takes up a changed configuration while the hub runs; a bad one changes nothing.

A thread looks at the files now and then, and at once on SIGHUP. What it loads it hands to
the ingest, which lets it take over between two batches.
"""

import contextlib
import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from configs.problems import ConfigError
from configs.site import SiteFile
from configs.values import Duration
from hub.ruletext import duration_text

log = logging.getLogger(__name__)

LOOK_S = 2.0

Stamp = dict[str, tuple[int, int]]
"""File → (modified, ns; size)."""


class ConfigWatcher:
    """Watches the YAML files in the folders of a configuration."""

    def __init__(
        self,
        folders: Callable[[], Sequence[Path]],
        load: Callable[[], Sequence[SiteFile]],
        *,
        on_change: Callable[[Sequence[SiteFile]], None],
        on_problem: Callable[[str], None],
    ) -> None:
        """``on_change`` gets sites that are good, ``on_problem`` what is wrong with others.

        ``folders`` is asked again after each change: a file may name others elsewhere.
        """
        self._find_folders = folders
        self._folders = folders()
        self._load = load
        self._on_change = on_change
        self._on_problem = on_problem
        self._look = threading.Event()
        self._stopping = False
        self._asked = False
        self._known = self._stamp()
        self._thread = threading.Thread(target=self._run, name="config-watcher", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """End watching."""
        self._stopping = True
        self._look.set()
        self._thread.join()

    def look_now(self) -> None:
        """Load again, changed or not; may be called from a signal handler."""
        self._asked = True
        self._look.set()

    def _run(self) -> None:
        while not self._stopping:
            self._look.wait(LOOK_S)
            self._look.clear()
            if not self._stopping:
                self.check()

    def check(self) -> None:
        """Load the configuration if a file has changed or somebody asked."""
        stamp = self._stamp()
        if stamp == self._known and not self._asked:
            return
        with contextlib.suppress(ConfigError):  # what cannot be read names no other folders
            self._folders = self._find_folders()
        self._known = {path: stamp.get(path, now) for path, now in self._stamp().items()}
        self._asked = False
        try:
            sites = self._load()
        except ConfigError as error:
            log.error("the changed configuration is not used; the old one goes on:\n%s", error)
            self._on_problem(str(error))
        else:
            self._on_change(sites)

    def _stamp(self) -> Stamp:
        stamp: Stamp = {}
        for folder in self._folders:
            for path in folder.glob("*.y*ml"):
                try:
                    found = path.stat()
                except OSError:
                    continue  # it went between the listing and the look
                stamp[str(path)] = (found.st_mtime_ns, found.st_size)
        return stamp


def difference(before: Sequence[SiteFile], after: Sequence[SiteFile]) -> list[str]:
    """What changed between two configurations, a line each: for the log and the audit."""
    old, new = _flat(before), _flat(after)
    lines = [f"- {path}: {old[path]}" for path in old if path not in new]
    lines += [f"+ {path}: {new[path]}" for path in new if path not in old]
    lines += [
        f"~ {path}: {old[path]} -> {new[path]}"
        for path in old
        if path in new and old[path] != new[path]
    ]
    return sorted(lines, key=lambda line: line[2:])


def _flat(sites: Sequence[SiteFile]) -> dict[str, str]:
    found: dict[str, str] = {}

    def walk(value: object, path: str) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(inner, f"{path}.{key}")
        elif isinstance(value, list | tuple):
            for index, inner in enumerate(value):
                name = inner.get("id", index) if isinstance(inner, dict) else index
                walk(inner, f"{path}[{name}]")
        else:
            found[path] = repr(value)

    for site in sites:
        walk(msgspec.to_builtins(site, enc_hook=_spell), site.site.id)
    return found


def _spell(value: object) -> object:
    return duration_text(value) if isinstance(value, Duration) else str(value)
