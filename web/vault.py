"""The vault of what residents entrust to the community."""

from flask import current_app

from hub.cases.vault import Vault
from web.console import console


def vault() -> Vault:
    """The key of contacts, opened once."""
    kept = current_app.extensions.get("linli.vault")
    if kept is None:
        kept = current_app.extensions["linli.vault"] = Vault(console().data)
    found: Vault = kept
    return found
