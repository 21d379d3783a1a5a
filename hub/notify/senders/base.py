"""What a sender is, and how it fails.

SendError            the base
├── SendLater        trying again can help: no answer, busy, down
└── SendRefused      it cannot until somebody changes something
"""

from typing import Protocol

from hub.notify.item import Message


class SendError(Exception):
    """The other side did not accept; the text holds no secrets."""


class SendLater(SendError):
    """Trying again can help."""


class SendRefused(SendError):
    """Trying again cannot help."""


class Sender(Protocol):
    """Sends one message at a time; reads its address anew each time, so that a file or a
    variable may be mended without a restart."""

    def send(self, message: Message) -> None:
        """Return once the other side has accepted; raises `SendLater` or `SendRefused`."""
