"""Seals whom to tell. Apart from `hub.cases.contacts`, so that a hub loads no cryptography."""

import hashlib
import hmac
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from hub.state import keyfile
from hub.state.store import StateError

KEY_FILE = "contacts.key"


class Vault:
    """Seals and opens contacts with the key of a data folder, made on first use."""

    def __init__(self, data: Path) -> None:
        """Raises `StateError` where the key cannot be read or made."""
        path = data / KEY_FILE
        try:
            keyfile.make(path, Fernet.generate_key().decode())
            key = path.read_bytes().strip()
            self._fernet = Fernet(key)
        except OSError as error:
            raise StateError(
                f"cannot read the key of contacts {path}: {error.strerror}; "
                "check that the data folder is writable"
            ) from error
        except ValueError as error:
            raise StateError(
                f"{path} is no key: {error}; restore it from a backup, or delete it: "
                "then the contacts that it sealed can no longer be read"
            ) from error
        self._key = key

    def seal(self, contact: str) -> bytes:
        """Encrypt; nothing stays nothing."""
        return self._fernet.encrypt(contact.encode()) if contact else b""

    def open(self, sealed: bytes) -> str:
        """What was sealed; "" where it was sealed with another key."""
        try:
            return self._fernet.decrypt(sealed).decode() if sealed else ""
        except InvalidToken:
            return ""

    def derive(self, request_key: str) -> str:
        """A token that nobody else can guess and that comes again for the same request."""
        return hmac.new(self._key, request_key.encode(), hashlib.sha256).hexdigest()[:40]
