"""Writes an edge.yaml and the secrets beside it; never a file that `linli check` would refuse."""

import os
import tempfile
from pathlib import Path

from configs import ConfigError, load_edge
from configs.problems import Problem


def checked(target: Path, text: str, *, mode: int = 0o644) -> None:
    """Replace ``target`` in one step, once the text has passed as an edge.yaml.

    Raises `ConfigError` (its problems name ``target``), then nothing was changed; OSError where
    the folder cannot be written.
    """
    handle, name = tempfile.mkstemp(prefix=f".{target.name}-", suffix=".yaml", dir=target.parent)
    draft = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        try:
            load_edge(draft)
        except ConfigError as error:
            raise ConfigError(
                Problem(target, each.line, each.path, each.message, each.suggestion)
                for each in error.problems
            ) from None
        draft.chmod(target.stat().st_mode & 0o777 if target.exists() else mode)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def secret(target: Path, text: str) -> None:
    """Write a file that only its owner may read, from its first moment on."""
    target.unlink(missing_ok=True)
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
