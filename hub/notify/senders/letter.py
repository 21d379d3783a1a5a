"""Letters to those who reported something and to volunteers, each by itself, over the site's own
mail server.

The address stands encrypted in the reporter's or the resident's row alone. It is opened here,
when a letter goes out, and is written nowhere: not into the outbox, its log or this program's.
"""

import logging
import re
from pathlib import Path
from typing import Any

import apprise
from sqlalchemy import Engine, select

from configs.notify import Route
from hub.cases import letters
from hub.cases.contacts import mail_address
from hub.cases.tables import Reporter
from hub.neighbours.tables import Resident
from hub.notify.item import Message
from hub.notify.senders.apprise import AppriseSender
from hub.notify.senders.base import SendRefused
from hub.patrols import remind
from hub.state.store import reading

_ADDRESS = re.compile(r"[^\s\"<>:/@]+@[^\s\"<>/?]+")


class _NoAddresses(logging.Filter):
    """Apprise names in its log whom it wrote to."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = _ADDRESS.sub("…", record.getMessage()), ()
        return True


logging.getLogger("apprise").addFilter(_NoAddresses())


class LetterSender:
    """For the route that ``residents.mail`` names. What rules send over it goes as ever."""

    def __init__(self, route: Route, database: Engine, data: Path) -> None:
        """``data``: the folder with the key of contacts."""
        self._route = route
        self._database = database
        self._data = data
        self._plain = AppriseSender(route)

    def send(self, message: Message) -> None:
        """Return once the mail server has accepted."""
        first, base_url = message.items[0], self._route.base_url
        if first.walk is not None:
            address = self._volunteer(first.walk.resident)
            self._post(*remind.compose(message.items, base_url), address)
        elif first.case is not None and first.case.reporter:
            address, token, language = self._reader(first.case.reporter)
            link = f"{base_url.rstrip('/')}/r/{token}"
            self._post(*letters.compose(message.items, language, link), address, token)
        else:
            self._plain.send(message)

    def _post(self, title: str, body: str, address: str, *secrets: str) -> None:
        carrier = self._plain.carrier()
        service: Any = carrier[0]  # the types do not know which service it is
        if service.secure_protocol != "mailtos":
            raise SendRefused(
                f"route {self._route.id} is no mail server: write mailto:// or mailtos://"
            )
        service.targets, service.cc, service.bcc = [(False, address)], set(), set()
        hide = (address, *secrets)
        self._plain.notify(carrier, title, body, apprise.NotifyType.INFO, hide=hide)

    def _volunteer(self, resident: int) -> str:
        """Their address."""
        from hub.cases.vault import Vault  # only a hub that writes letters loads cryptography

        found = select(Resident.contact).where(Resident.id == resident)
        with reading(self._database).connect() as connection:
            sealed = connection.scalar(found)
        address = mail_address(Vault(self._data).open(sealed)) if sealed else ""
        if not address:
            raise SendRefused("the volunteer's address is deleted, or cannot be read")
        return address

    def _reader(self, reporter: int) -> tuple[str, str, str]:
        """Address, token of the link, language."""
        from hub.cases.vault import Vault  # only a hub that writes letters loads cryptography

        found = select(Reporter.contact, Reporter.mail_link, Reporter.language)
        with reading(self._database).connect() as connection:
            row = connection.execute(found.where(Reporter.id == reporter)).first()
        if row is None or not row.mail_link:
            raise SendRefused("the reporter's contact is deleted")
        vault = Vault(self._data)
        address, token = mail_address(vault.open(row.contact)), vault.open(row.mail_link)
        if not (address and token):
            raise SendRefused(
                "the reporter's contact cannot be read: contacts.key is not the one it was "
                "sealed with; restore it from a backup"
            )
        return address, token, row.language
