"""What travels on /live: each event made ready once, however many pages read it.

A busy site's event is some 90 kB of HTML, which gzip makes twenty times smaller. Each event is
packed by itself, so that the same bytes fit into every reader's stream wherever it began: after
the header of a gzip file come blocks that refer to nothing before them and end at a whole byte.
The file never ends, nor does the stream.
"""

import struct
import zlib
from typing import NamedTuple

HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
"""How a packed stream begins (RFC 1952)."""
LEVEL = 3
"""Of compression. Higher: smaller, and the one thread that does it for all takes longer."""
SMALL = 256
"""Characters below which packing would only cost time."""


class Event(NamedTuple):
    """A piece of the stream, as text and packed."""

    plain: bytes
    packed: bytes

    @classmethod
    def of(cls, text: str) -> "Event":
        """Make it ready for both kinds of readers."""
        plain = text.encode()
        return cls(plain, _stored(plain) if len(plain) < SMALL else _deflated(plain))


def _deflated(plain: bytes) -> bytes:
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(plain) + packer.flush(zlib.Z_FULL_FLUSH)


def _stored(plain: bytes) -> bytes:
    """As a block that is not compressed (RFC 1951, 3.2.4)."""
    return struct.pack("<BHH", 0, len(plain), len(plain) ^ 0xFFFF) + plain
