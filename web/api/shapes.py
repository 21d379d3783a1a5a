"""What the parts of the API share. Times are milliseconds since the Unix epoch, UTC."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from flask import url_for
from msgspec import Meta, Struct
from sqlalchemy import RowMapping

from configs.values import Text
from web.console import Console
from web.now.snapshot import PictureView
from web.when import as_ms, ended, moment

T = TypeVar("T", bound=Struct)
LATEST_MS = 2**43
"""A moment in the year 2248: later ones are no moments."""
When = Annotated[
    str,
    Meta(
        pattern=r"^(\d{1,13}|\d{4}-\d\d-\d\d(T\d\d:\d\d)?)?$",
        description="Milliseconds since the epoch, or by the site's clock a day or a minute: "
        "2026-03-01, 2026-03-01T22:15",
    ),
]
Limit = Annotated[int, Meta(ge=1, le=500, description="How many at most.")]
Key = Annotated[int, Meta(ge=0, le=2**53)]
Before = Annotated[Key | None, Meta(description="Goes on below the one of this number.")]
Ms = Annotated[int, Meta(ge=0, le=LATEST_MS, description="Milliseconds since the epoch.")]
PlaceKey = Annotated[str, Meta(description="<site>/<place>", max_length=127)]
Note = Annotated[str, Meta(max_length=2000)]
Name = Annotated[str, Meta(max_length=80)]
Id = Annotated[str, Meta(max_length=63)]


class Words(Struct, frozen=True):
    """Words for people."""

    en: str
    zh: str

    @classmethod
    def of(cls, text: Text) -> "Words":
        """As they stand in the configuration."""
        return cls(text.en, text.zh)


class Problem(Struct, frozen=True):
    """Why there is no answer."""

    error: str


class Done(Struct, frozen=True):
    """What became of it; where nothing was done, who was faster, and when."""

    done: bool
    what: str
    """In a word or two: done, already acknowledged, never fired …"""
    by: str = ""
    at: int = 0


def moment_of(text: str, here: Console, site: str, *, last: bool = False) -> int | None:
    """What a `When` says, by the clock of ``site``; None for "" and for days that do not exist.
    As the ``last`` day of a span a day counts whole, as on the pages."""
    if text.isdigit():
        return int(text)
    found = moment(text)
    if found is None:
        return None
    return as_ms(ended(found) if last else found, here, site)


def address_of(picture: PictureView | None) -> str | None:
    """Where a picture is to be had, which the same token reads; None for none."""
    if picture is None or not picture.arrived:
        return None
    return url_for("pictures.show", site=picture.site, node=picture.node, ref=picture.ref)


def filled(shape: type[T], row: RowMapping | Mapping[str, Any]) -> T:
    """A shape from the columns of the same names."""
    return shape(**{name: row[name] for name in shape.__struct_fields__})
