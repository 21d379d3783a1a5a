"""Messages to people, by apprise: e-mail, WeCom, DingTalk, Feishu, Telegram and the rest."""

import logging
from collections.abc import Sequence
from typing import Any

import apprise
from apprise.logger import LogCapture

from configs.notify import AddressMissing, Route
from hub.notify import text
from hub.notify.item import Message
from hub.notify.senders.base import SendLater, SendRefused


class AppriseSender:
    """One text for each message. Apprise says only whether it worked, not whether trying again
    can help, so every failure is tried again until the message is too old."""

    def __init__(self, route: Route) -> None:
        self._route = route

    def send(self, message: Message) -> None:
        """Return once the service has accepted."""
        title, body = text.compose(message, self._route)
        kind = apprise.NotifyType.WARNING if text.any_active(message) else apprise.NotifyType.INFO
        self.notify(self.carrier(), title, body, kind)

    def carrier(self) -> apprise.Apprise:
        """What knows the route's address."""
        found = apprise.Apprise()
        if not found.add(self._address()):
            raise SendRefused(
                f"route {self._route.id}: apprise does not know such an address; see its list of "
                "services, https://appriseit.com"
            )
        return found

    def notify(
        self, carrier: apprise.Apprise, title: str, body: str, kind: apprise.NotifyType,
        *, hide: Sequence[str] = (),
    ) -> None:  # fmt: skip
        """Send one text; ``hide`` is what no error may show, besides the address."""
        capture: Any = LogCapture  # untyped
        with capture(level=logging.WARNING, fmt="%(message)s") as said:
            done = carrier.notify(
                body=body, title=title, notify_type=kind, body_format=apprise.NotifyFormat.TEXT
            )
            reason = said.getvalue().strip()
        for secret in (self._address(), *hide):
            reason = reason.replace(secret, "…")
        if not done:
            raise SendLater(f"route {self._route.id}: {reason or 'apprise could not send'}")

    def _address(self) -> str:
        try:
            return self._route.address()
        except AddressMissing as error:
            raise SendLater(str(error)) from None
