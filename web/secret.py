"""The key that signs sessions: a file of the installer's, or one made once."""

import secrets
from pathlib import Path

from hub.state import keyfile
from web.console import WebError

MIN_BYTES = 16


def session_secret(secret_file: str, data: Path) -> bytes:
    """The key; raises `WebError` where it cannot be read or is too short to be one."""
    path = Path(secret_file) if secret_file else data / "web.secret"
    try:
        if not secret_file:
            data.mkdir(parents=True, exist_ok=True)
            keyfile.make(path, secrets.token_hex(32))
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
