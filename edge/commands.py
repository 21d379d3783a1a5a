"""What the control room may ask of a node over ``do``, answered over ``done``."""

import secrets
from collections.abc import Callable, Sequence
from typing import Final

from edge.blur_check import BlurCheck, check_blur
from edge.camera import CameraWorker, Condition
from edge.metrics import EdgeMetrics
from edge.recorder import Recorder
from edge.shared_detector import SharedDetector
from wire.records import Do, Done, NodeHealth

MAX_DETAIL: Final = 2000
NEAR_MS: Final = 60_000
"""A picture farther from the moment that is asked for does not show it."""
_ABLE: Final = (Condition.STARTING, Condition.WATCHING)
"""Conditions in which a camera has a next picture, as far as is known."""
Outcome = tuple[bool, str]
"""Whether it could be done, and what came of it or why not."""


class Commands:
    """Answers commands; may take a while, so not on the link's own thread."""

    def __init__(
        self,
        *,
        cameras: Callable[[], Sequence[CameraWorker]],
        detector: SharedDetector,
        restart: Callable[[str], Outcome],
        reload: Callable[[], Outcome],
        recorder: Recorder,
        metrics: EdgeMetrics,
        now: Callable[[], int],
    ) -> None:
        """``restart`` gets the id of a source; ``now``: ms since the Unix epoch."""
        self._cameras = cameras
        self._detector = detector
        self._restart = restart
        self._reload = reload
        self._recorder = recorder
        self._metrics = metrics
        self._now = now
        self._verbs: dict[str, Callable[[Do], Outcome]] = {
            "ping": lambda _command: (True, "pong"),
            "snapshot": self._snapshot,
            "reload": lambda _command: self._reload(),
            "restart": self._restart_one,
            "blur-check": self._blur_check,
            "time": self._compare_clocks,
        }

    def answer(self, command: Do) -> Done:
        """Do it, whatever comes of it."""
        verb = self._verbs.get(command.verb)
        if verb is None:
            known = ", ".join(self._verbs)
            return self._done(
                command, "unknown", (False, f"unknown verb {command.verb!r}; known: {known}")
            )
        return self._done(command, command.verb, verb(command))

    def _done(self, command: Do, label: str, outcome: Outcome) -> Done:
        ok, detail = outcome
        self._metrics.commands.labels(label, "done" if ok else "failed").inc()
        return Done(command.id, ok, detail[:MAX_DETAIL])

    def _chosen(self, source: str) -> list[CameraWorker]:
        """The camera that is meant, or all of them."""
        return [each for each in self._cameras() if source in ("", each.camera.id)]

    def _snapshot(self, command: Do) -> Outcome:
        if command.at:
            return self._past(command.source, command.at)
        chosen = self._chosen(command.source)
        if not chosen:
            return False, f"no camera {command.source!r} on this node"
        able = [each for each in chosen if each.condition in _ABLE]
        if not able:
            away = (f"camera {each.camera.id} is {each.how}" for each in chosen)
            return False, "; ".join(away)
        for camera in able:
            camera.snapshot()
        return True, f"the next picture of {', '.join(each.camera.id for each in able)} is sent"

    def _past(self, source: str, at: int) -> Outcome:
        """Send the kept picture that was taken nearest to ``at`` (ms) once more."""
        ring = self._recorder.ring
        kept = ring.nearest(source, at, NEAR_MS) if ring is not None and source else None
        jpeg = ring.read(kept.ref) if ring is not None and kept is not None else None
        if kept is None or jpeg is None:
            return False, f"no picture of {source or 'no camera'!r} is kept from within a minute"
        ref = f"{kept.ts:x}-{secrets.token_hex(6)}"
        record = NodeHealth(seq=0, ts=kept.ts, source=source, evidence=ref)
        seqs = self._recorder.append([record])
        if not seqs:
            return False, self._recorder.problem
        self._recorder.send_picture(seqs[-1], ref, jpeg)
        return True, f"the picture {ref} of {abs(kept.ts - at) / 1000:.1f} s from then is sent"

    def _compare_clocks(self, command: Do) -> Outcome:
        if not command.at:
            return False, "say what time it is (at, ms since 1970)"
        off_s = (command.at - self._now()) / 1000
        return True, f"this clock is {abs(off_s):.1f} s {'behind' if off_s > 0 else 'ahead'}"

    def _restart_one(self, command: Do) -> Outcome:
        if not command.source:
            return False, "name the source that is to be restarted"
        return self._restart(command.source)

    def _blur_check(self, command: Do) -> Outcome:
        chosen = self._chosen(command.source)
        if not chosen:
            return False, f"no camera {command.source!r} on this node"
        found = [(each.camera.id, self._blur_of(each)) for each in chosen]
        said = "; ".join(f"{camera}: {check.says}" for camera, check in found)
        return all(check.good for _, check in found), said

    def _blur_of(self, worker: CameraWorker) -> BlurCheck:
        frame = worker.newest
        if frame is None:
            return BlurCheck(False, "no picture yet")
        return check_blur(frame.image, self._detector, worker.camera)
