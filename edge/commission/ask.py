"""Questions to whoever installs, or the defaults where nobody is to be asked."""

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import click

from edge.commission.plan import CameraPlan, DoorPlan, ReaderPlan
from edge.commission.sensors import NoSensor
from wire.topics import is_id

NO_ID: Final = "lower-case letters, digits and -, at most 63"
T = TypeVar("T", CameraPlan, DoorPlan, ReaderPlan)


class Asker:
    """Asks people, or takes the default where nobody is to be asked."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet

    def text(self, given: str | None, question: str, default: str, *, plain: bool = True) -> str:
        if given is not None:
            return given
        if self.quiet:
            return default
        while True:
            said: str = click.prompt(question, default=default, type=str).strip()
            if plain or is_id(said):
                return said
            click.echo(NO_ID)

    def secret(self, question: str) -> str:
        if self.quiet:
            return ""
        return str(click.prompt(question, default="", hide_input=True, show_default=False))

    def keep(self, found: Sequence[T], name: Callable[[T], str]) -> list[T]:
        return [each for each in found if self.quiet or click.confirm(f"take {name(each)}?", True)]

    def more(self, there: list[T], noun: str, words: str, read: Callable[[str], T | None]) -> None:
        """Add what is named until nothing is."""
        if self.quiet:
            return
        while True:
            question = f"{'another ' if there else ''}{noun} ({words}; nothing: no more)"
            said: str = click.prompt(question, default="", show_default=False, type=str).strip()
            if not said:
                return
            try:
                found = read(said)
            except (NoSensor, click.BadParameter) as error:
                click.echo(f"  {error}")
                continue
            if found is not None:
                there.append(found)
