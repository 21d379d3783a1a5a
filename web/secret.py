"""The key that signs sessions: a file of the installer's, or one made once."""

import os
import secrets
from pathlib import Path

from web.console import WebError

MIN_BYTES = 16


def session_secret(secret_file: str, data: Path) -> bytes:
    """The key; raises `WebError` where it cannot be read or is too short to be one."""
    path = Path(secret_file) if secret_file else data / "web.secret"
    try:
        if not secret_file:
            data.mkdir(parents=True, exist_ok=True)
            _make(path)
        secret = path.read_bytes().strip()
    except OSError as error:
        raise WebError(
            f"cannot read the session secret {path}: {error.strerror}; "
            "check secret_file, and that the data folder is writable"
        ) from error
    if len(secret) < MIN_BYTES:
        raise WebError(
            f"the session secret {path} is shorter than {MIN_BYTES} bytes; "
            "put a longer random text there, or delete the file to have one made"
        )
    return secret


def _make(path: Path) -> None:
    """Write a new key unless there is one; whole at once, for another process may look."""
    if path.exists():
        return
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(secrets.token_hex(32))
    try:
        os.link(draft, path)  # fails if somebody was faster: then theirs counts
    except FileExistsError:
        return
    finally:
        draft.unlink()
