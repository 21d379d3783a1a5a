"""Keys that are made once in the data folder, readable by their owner alone."""

import os
import secrets
from pathlib import Path


def make(path: Path, text: str) -> None:
    """Write a new key unless there is one; whole at once, for another process may look.

    Raises OSError.
    """
    if path.exists():
        return
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
    try:
        os.link(draft, path)  # fails if somebody was faster: then theirs counts
    except FileExistsError:
        return
    finally:
        draft.unlink()
