"""A real mail server on this machine."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes
from email.header import decode_header, make_header
from typing import Any

from aiosmtpd.controller import Controller

from tests.servers import free_port


@dataclass(frozen=True)
class Mail:
    """As its reader sees it."""

    to: str
    subject: str
    body: str


class Mailbox:
    """Takes mail, or answers what it is told to."""

    def __init__(self) -> None:
        self.mails: list[bytes] = []
        self.answer = "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        if self.answer.startswith("250"):
            self.mails.append(envelope.content)
        return self.answer

    def read(self) -> list[Mail]:
        """What has arrived, oldest first."""
        return [_read(raw) for raw in self.mails]


def _read(raw: bytes) -> Mail:
    mail = message_from_bytes(raw)
    body = "".join(
        part.get_payload(decode=True).decode()  # type: ignore[union-attr]
        for part in mail.walk()
        if part.get_content_type() == "text/plain"
    )
    return Mail(mail["To"], str(make_header(decode_header(mail["Subject"]))), body)


@contextmanager
def serving_mail() -> Iterator[tuple[Mailbox, int]]:
    """The mailbox and its port."""
    box = Mailbox()
    logging.getLogger("mail.log").setLevel(logging.WARNING)  # what the server says is not ours
    controller = Controller(box, hostname="127.0.0.1", port=free_port(), ready_timeout=60)
    controller.start()
    try:
        yield box, controller.port
    finally:
        controller.stop()
