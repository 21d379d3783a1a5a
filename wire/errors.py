"""What can go wrong on the wire.

WireError                 the base
├── DecodeError           a topic or payload that is not ours: never retry, dead-letter it
└── LinkError             the broker could not be reached or said no
    ├── LinkDown          trying again can help
    └── LinkRefused       it cannot until somebody changes the configuration
"""


class WireError(Exception):
    """Anything that goes wrong between an edge and a hub."""


class DecodeError(WireError):
    """A topic or a payload that does not decode; the text says which part and why."""


class LinkError(WireError):
    """The broker could not be used."""


class LinkDown(LinkError):
    """The broker is unreachable at the moment; trying again can help."""


class LinkRefused(LinkError):
    """The broker or the settings say no; trying again cannot help, a change can."""
