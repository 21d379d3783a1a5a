"""Why no alert came from a place at a time: the answer of `hub.explain.absence`, asked for in a
process of its own, so that a long look through the records holds up no other page."""

import multiprocessing
import threading
from typing import Any, Final

from flask import Blueprint, abort, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from configs import words
from configs.rules import Rule
from configs.servers import HubSettings
from configs.site import Place, SiteFile
from hub import explain
from hub.explain import Absence
from hub.rules.lack import Lack, Short, Why
from web.console import Console, console
from web.language import language, span
from web.rules.force import watching
from web.when import as_ms, moment, spelled, whole

blueprint = Blueprint("why", __name__, template_folder="templates")
SPANS: Final = (1800, 7200, 43_200)
"""How much may be looked through, seconds; the first where nothing else is said."""
LIMIT_S: Final = 30.0
"""How long the answer may take."""
_asking = threading.Lock()
"""One look at a time: each reads all records of its time."""


class UnansweredError(Exception):
    """There is no answer; the text says why, in the reader's language."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


@blueprint.get("/places/<id:site>/<id:place>/why")
def page(site: str, place: str) -> ResponseReturnValue:
    """Each rule of the place, and what kept it from firing ``?at=``; without that, a form."""
    here = console()
    file, found = here.site(site), here.place(site, place)
    if file is None or found is None:
        abort(404)
    rules = [rule for rule, _conditions, _text in watching(file, found)]
    length = request.args.get("span", SPANS[0], type=whole)
    length = length if length in SPANS else SPANS[0]
    asked = request.args.get("at", "")
    answer, wrong, status = None, "", 200
    if asked:
        try:
            answer = _ask(here, file, found, _time(here, site, asked), length * 1000)
        except UnansweredError as why:
            wrong, status = str(why), why.status
    return render_template(
        "places/why.html", site=file.site, place=found, spans=SPANS, span_s=length,
        at=asked or spelled(here.now(), here, site), answer=answer, wrong=wrong,
        rules=_told(rules, answer) if answer is not None else [],
    ), status  # fmt: skip


def _time(here: Console, site: str, text: str) -> int:
    found = moment(text)
    if found is None:
        raise UnansweredError(gettext("Say when: a day and a time."), 422)
    at = as_ms(found, here, site)
    if at > here.now():
        raise UnansweredError(gettext("This time is still to come."), 422)
    return at


def _ask(here: Console, file: SiteFile, place: Place, at: int, before_ms: int) -> Absence:
    """What `hub.explain` finds. Raises `UnansweredError`."""
    if not _asking.acquire(blocking=False):
        raise UnansweredError(gettext("Somebody else is asking. Try again in a moment."), 503)
    web = here.settings
    settings = HubSettings(data=web.data, state_url=web.state_url, series=web.series)
    try:
        word, told = _look(settings, file, place.id, at, "", before_ms)
    finally:
        _asking.release()
    if word != "found" or not isinstance(told, Absence):
        raise UnansweredError(gettext("It cannot be told: %(why)s", why=told), 503)
    return told


def _look(*asked: Any) -> tuple[str, Any]:
    """What `hub.explain.work` says when it is ``asked``, in a process that ends in any case."""
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe(duplex=False)
    with mine, theirs:
        process = context.Process(target=explain.work, args=(theirs, *asked), daemon=True)
        try:
            process.start()
        except OSError as error:
            return "failed", str(error)
        theirs.close()
        try:
            if not mine.poll(LIMIT_S):
                wide = gettext("There is too much to look through: take a shorter time.")
                raise UnansweredError(wide, 503)
            word, told = mine.recv()
        except EOFError:
            return "failed", "the process ended"
        finally:
            process.terminate()
            process.join()
    return word, told


def _told(rules: list[Rule], answer: Absence) -> list[tuple[Rule, list[str]]]:
    """Each rule, and in words what kept it from firing; what was closest comes first."""
    by_id = {rule.id: rule for rule in rules}
    reasons = sorted(answer.rules, key=lambda one: len(one.missing))
    return [
        (by_id[one.rule], [lack(each) for each in one.missing])
        for one in reasons
        if one.rule in by_id
    ]


def lack(one: Lack) -> str:
    """What kept a rule from firing, in the reader's language."""
    match one.why:
        case Why.FIRES:
            return str(gettext("Nothing: it fires then."))
        case Why.HOURS:
            return str(gettext("It was outside its active hours."))
        case Why.OVERRULED:
            return str(gettext("An operator ended its alert, and its conditions held on since."))
        case Why.COOLDOWN:
            return str(gettext("It was quiet after its last end, for another %(left)s.",
                               left=span(one.left_s)))  # fmt: skip
        case Why.CONDITION:
            return str(gettext(" or ")).join(_short(each) for each in one.short)


def _short(one: Short) -> str:
    tongue = language()
    told = {
        "signal": words.signal(one.signal, tongue),
        "limit": words.threshold(one.text, one.signal, tongue),
    }
    if one.value is None:
        return str(gettext("%(signal)s: no value was known (%(limit)s)", **told))
    told["value"] = _amount(one, one.value)
    if one.away is not None:
        told["away"] = _amount(one, one.away)
        return str(gettext("%(signal)s: %(value)s, short by %(away)s (%(limit)s)", **told))
    told |= {"held": span(one.held_s), "needed": span(one.needed_s)}
    return str(gettext("%(signal)s: %(value)s, but for only %(held)s of %(needed)s (%(limit)s)",
                       **told))  # fmt: skip


def _amount(one: Short, number: float) -> str:
    in_its_unit = words.limit_of(one.text) is not None
    return words.value(number, one.signal, language()) if in_its_unit else f"{number:g}"
