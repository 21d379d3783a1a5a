"""Edits as the page asks for them: checked, written into the YAML, and entered in the audit."""

import hashlib
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from flask import abort, current_app
from flask_babel import gettext
from flask_login import current_user
from msgspec import Struct, field
from msgspec.structs import replace
from sqlalchemy import select

import configs
from configs import edit
from configs.edit import Edit, Number, Value
from configs.overrides import resolve_rule
from configs.rules import Active, Rule, Severity
from configs.site import Place, SiteFile
from configs.values import Text
from hub import audit
from hub.reload import difference
from hub.state.tables import Audit
from web.console import Console, console
from web.language import clock
from web.tuning.schedule import Schedule

EDITED = "rule.edit"
"""The audit's word for it."""
DETAIL_CHARS = 4000
_writing = threading.Lock()


class Form(Struct):
    """What was typed instead of a rule's values, and what is wrong with it."""

    typed: dict[str, str] = field(default_factory=dict)
    """By `Number.path`."""
    wrong: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    """Of the whole, as ``linli check`` says them."""
    days: int = 7
    schedule: Schedule | None = None
    """As its fields were sent; None where they were not."""


def asked(site: str, rule: str) -> tuple[SiteFile, Rule]:
    """A rule that may be edited here; 404 where there is none."""
    here = console()
    file = here.site(site)
    if file is None or here.config is None:
        abort(404)
    found = next((one for one in file.rules if one.id == rule), None)
    if found is None:
        abort(404)
    return file, found


class Where(Struct, frozen=True):
    """One place of a rule, or several that an override means at once."""

    id: str
    """As `configs.edit.targets` reads it."""
    name: Text
    places: tuple[Place, ...]
    """Those of the rule's that are meant."""
    several: bool


def where(file: SiteFile, rule: Rule, at: str) -> Where | None:
    """None where it means no place of the rule, or somebody that the site does not have."""
    watched = [one for one in file.places if one.answers_to(rule.places)]
    alone = next((one for one in watched if one.id == at), None)
    if alone is not None:
        return Where(at, alone.name, (alone,), several=False)
    names = {"*": Text("everywhere", "所有地点")}
    for place in file.places:
        names |= {tag: Text(tag, tag) for tag in place.tags} | {place.id: place.name}
    asked = edit.targets(at)
    meant = tuple(one for one in watched if one.answers_to(asked))
    if not meant or any(one not in names for one in asked):
        return None
    said = [names[one] for one in asked]
    name = Text(", ".join(one.en for one in said), "、".join(one.zh for one in said))
    return Where(",".join(asked), name, meant, several=True)


def there(file: SiteFile, rule: Rule, at: str) -> tuple[Rule, Where | None]:
    """The rule as it is there, "" for everywhere; 404 for places that it does not watch."""
    if not at:
        return rule, None
    found = where(file, rule, at)
    if found is None:
        abort(404)
    return as_it_is(file, rule, found), found


def as_it_is(file: SiteFile, rule: Rule, at: Where) -> Rule:
    """The rule there. Of several places: with what is said for just these, else as it is at all of
    them, else its own."""
    if mine := at.several and edit.alone(file, rule.id, at.id):
        return resolve_rule(rule, at.places[0], mine)
    found = [resolve_rule(rule, place, file.overrides) for place in at.places]
    return found[0] if all(one == found[0] for one in found) else rule


def version(file: SiteFile, rule: str) -> str:
    """Changes when the rule does, or what overrides it."""
    says = (
        [one for one in file.rules if one.id == rule],
        [one for one in file.overrides if one.rule == rule],
    )
    return hashlib.sha256(repr(says).encode()).hexdigest()[:32]


def typed(numbers: Sequence[Number], form: Form) -> dict[str, Value]:
    """Values that are not what they were; what cannot be read is told in the form."""
    values: dict[str, Value] = {}
    for number in numbers:
        if form.schedule is not None and isinstance(number.value, Active):
            form.typed[number.path] = _hours(form.schedule, number.value)
        text = form.typed.get(number.path, "")
        if not text.strip() or text.strip() == edit.spell(number.value):
            continue
        try:
            value = edit.parse_value(number, text)
        except ValueError:
            form.wrong[number.path] = _advice(number)
            continue
        if value != number.value:
            values[number.path] = value
    return values


def _hours(schedule: Schedule, before: Active) -> str:
    """As YAML; what makes no sense as something that is none."""
    try:
        return edit.spell(schedule.active(before))
    except ValueError:
        return "[]"


def _advice(number: Number) -> str:
    match number.value:
        case Active():
            words = gettext(
                "Choose days, and write two times that differ, such as 22:00 and 06:00; "
                "dates such as 2026-01-15..2026-02-20, or 05-01 every year."
            )
        case Severity():
            words = gettext("Choose a severity.")
        case int():
            words = gettext("Write a length of time, such as 30s, 5m or 1h30m.")
        case _:
            words = gettext("Write a number, such as 5 or 0.75.")
    return str(words)


def back_values(file: SiteFile, rule: Rule, at: Where) -> dict[str, Value]:
    """What would hold there without the overrides that are of it alone, where that differs from
    what holds there now, by path."""
    kept = [one for one in file.overrides if one not in edit.alone(file, rule.id, at.id)]
    without = replace(file, overrides=tuple(kept))
    now = {one.path: one.value for one in edit.settings(as_it_is(file, rule, at))}
    then = {one.path: one.value for one in edit.settings(as_it_is(without, rule, at))}
    return {path: value for path, value in then.items() if now.get(path) != value}


def plan(
    site: str, rule: str, values: Mapping[str, Value], place: str, form: Form, *, back: bool = False
) -> Edit | None:
    """The edit, ready to be written; None where the form tells what is wrong with it.

    With ``back`` it takes away what overrides the rule at the place.
    """
    here = console()
    assert here.config is not None  # noqa: S101 - `asked` has looked
    try:
        found = (
            edit.plan_back(here.config, site, rule, place)
            if back
            else edit.plan(here.config, site, rule, values, place)
        )
    except configs.ConfigError as error:
        form.problems = [str(problem) for problem in error.problems]
        return None
    except edit.EditRefused as error:
        form.problems = [str(error)]
        return None
    foreign = [old.site.id for old, _new in found.sites if here.site(old.site.id) is None]
    if foreign:
        names = ", ".join(foreign)
        form.problems = [
            gettext("%(file)s also says the rules of %(sites)s, where you may not change them.",
                    file=found.file.name, sites=names)
        ]  # fmt: skip
        return None
    return found


def of_site(planned: Edit, site: str) -> tuple[SiteFile, SiteFile]:
    """The site as it is on disk, and as it would be."""
    return next(pair for pair in planned.sites if pair[0].site.id == site)


def write(planned: Edit, site: str, rule: str, begun: str, tried: str) -> str:
    """Put it into the file and the audit; "" or why not, in words.

    ``begun`` is the version that the edit began with, ``tried`` what its trial covered.
    """
    here = console()
    before, after = zip(*planned.sites, strict=True)
    with _writing:
        if version(of_site(planned, site)[0], rule) != begun:
            return overtaken(site, rule)
        lines = [f"{planned.file.name}, {tried}", *difference(before, after)]
        detail = "\n".join(lines)[:DETAIL_CHARS]
        try:
            with here.engine.begin() as connection:
                # Not kept where the file cannot be written.
                audit.enter(
                    connection, current_user.name, EDITED, f"{site}/{rule}", detail, here.now()
                )
                edit.save(planned)
        except (OSError, edit.EditConflict) as error:
            why = getattr(error, "strerror", None) or str(error)
            return str(
                gettext("%(file)s cannot be written (%(why)s); nothing was changed.",
                        file=planned.file.name, why=why)
            )  # fmt: skip
    return ""


def adopt(sites: Sequence[SiteFile]) -> None:
    """Show these from the next page on; the console's own look at the files comes later."""
    here: Console = current_app.extensions["linli"]
    newer = {file.site.id: file for file in sites}
    here.adopt([newer.get(file.site.id, file) for file in here.sites])


def overtaken(site: str, rule: str) -> str:
    """Somebody else has changed the rule: who, where the console knows."""
    here = console()
    last = (
        select(Audit.actor, Audit.at)
        .where(Audit.target == f"{site}/{rule}", Audit.action == EDITED)
        .order_by(Audit.id.desc())
    )
    with here.reader.connect() as connection:
        found = connection.execute(last.limit(1)).first()
    if found is None:
        return str(gettext("This rule was changed meanwhile in its file; nothing was saved."))
    return str(
        gettext("This rule was changed meanwhile, last by %(name)s at %(at)s; nothing was saved.",
                name=found.actor, at=clock(found.at, site))
    )  # fmt: skip


def target(site: str, rule: str, place: str) -> Path | None:
    """The file that would be written; None where it cannot be told now."""
    here = console()
    try:
        return edit.target(here.config, site, rule, place) if here.config is not None else None
    except (configs.ConfigError, edit.EditRefused):
        return None


def writable(file: Path | None) -> bool:
    """Whether the console may write it: it is put in its place, so its folder counts too."""
    return file is not None and os.access(file, os.W_OK) and os.access(file.parent, os.W_OK)
