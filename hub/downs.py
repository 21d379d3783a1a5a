"""A time in which the hub did not run. Apart from the book of it (`hub.uptime`), so that processes
that replay need no database of the state."""

from datetime import datetime, tzinfo

from msgspec import Struct


class Down(Struct, frozen=True, order=True):
    """The hub did not run. Times in ms."""

    start: int
    end: int

    @property
    def ms(self) -> int:
        """How long."""
        return self.end - self.start

    def in_words(self, zone: tzinfo) -> str:
        """What is not known, by the site's clock."""
        start, end = (datetime.fromtimestamp(ts / 1000, zone) for ts in (self.start, self.end))
        span = f"{start:%Y-%m-%d %H:%M:%S} to {end:%Y-%m-%d %H:%M:%S}"
        return f"no records from {span}: the hub did not run"
