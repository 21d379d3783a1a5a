"""/live: server-sent events for open pages."""

import queue
from collections.abc import Callable, Iterator

from flask import Blueprint, Response, current_app, jsonify, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from web.console import console
from web.language import language
from web.news import View
from web.roles import Role, acting
from web.stream import HEADER, Event
from web.tail import BYE, ChangeTail, Listener

blueprint = Blueprint("live", __name__)
BEAT_S = 1.0
"""A page that hears no beat for 3 s says so. Lower: lost lines are seen sooner."""
RETRY_MS = 1000


@blueprint.get("/live")
def stream() -> ResponseReturnValue:
    """Events since ``Last-Event-ID`` (or ``?after=``), and then as they happen."""
    tail: ChangeTail = current_app.extensions["linli.tail"]
    view = View(language(), current_user.where(Role.VIEWER), acting())
    listener = tail.join(view, current_user.get_id())
    if listener is None:
        answer = jsonify(error="too many open pages; this one loads itself anew instead")
        answer.headers["Retry-After"] = "5"
        return answer, 503
    try:
        missed = _missed(tail, listener)
    except BaseException:
        tail.leave(listener)
        raise
    gone = request.environ.get("waitress.client_disconnected", lambda: False)
    packed = request.accept_encodings["gzip"] > 0
    events = _events(tail, listener, missed, gone, console().now)
    response = Response(_bytes(events, packed=packed), mimetype="text/event-stream")
    if packed:
        response.headers["Content-Encoding"] = "gzip"
    response.vary.add("Accept-Encoding")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"  # nginx would keep events back
    # Not left to the generator alone: one that was never started does not run its end.
    response.call_on_close(lambda: tail.leave(listener))
    return response


def _missed(tail: ChangeTail, listener: Listener) -> Event | None:
    after = request.headers.get("Last-Event-ID") or request.args.get("after", "")
    return tail.replay(int(after), listener) if after.isdecimal() and len(after) < 19 else None


def _bytes(events: Iterator[Event], *, packed: bool) -> Iterator[bytes]:
    if packed:
        yield HEADER
    for event in events:
        yield event.packed if packed else event.plain


def _events(
    tail: ChangeTail,
    listener: Listener,
    missed: Event | None,
    gone: Callable[[], bool],
    now: Callable[[], int],
) -> Iterator[Event]:
    yield Event.of(f"retry: {RETRY_MS}\n\n")
    yield _beat(now)
    if missed is not None:
        yield missed
    while not gone():
        try:
            event = listener.queue.get(timeout=BEAT_S)
        except queue.Empty:
            if tail.healthy:  # else silence: the page shows that it is not up to date
                yield _beat(now)
            continue
        yield event
        if event is BYE:
            return


def _beat(now: Callable[[], int]) -> Event:
    return Event.of(f"event: beat\ndata: {now()}\n\n")
