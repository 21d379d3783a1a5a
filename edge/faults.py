"""Whether a camera's picture is still worth anything: dark, covered, blurred, moved, frozen.

A mean over the last seconds, in which noise and passers-by fade, is held against what the scene
usually looks like, which is learned from the camera itself while nothing is wrong with it. The
sixth fault, lost, is that no picture comes at all; see `edge.camera`.
"""

import math
from collections.abc import Collection
from typing import Final

import cv2
import numpy as np
from msgspec.structs import replace

from edge.frames import Image
from edge.usual import (
    BLANK,
    BLURRED_AT_ALL,
    FINE_PX,
    OLD_MS,
    SHORT_MS,
    TELLING,
    Grey,
    Reference,
    SceneView,
    Usual,
    sized,
    view_of,
)
from wire.records import Fault, SceneFault

STEP_MS: Final = 1_000
"""A picture is looked at this often."""
MEAN_MS: Final = 2_500
"""Over how long pictures are averaged. Higher: passers-by matter less, faults are told later."""
HOLD_MS: Final = {
    Fault.DARK: 5_000,
    Fault.COVERED: 4_000,
    Fault.BLURRED: 6_000,
    Fault.MOVED: 6_000,
    Fault.FROZEN: 20_000,
}
"""How long a fault must last to be told. Higher: fewer false ones, later."""
SETTLE_MS: Final = 5_000
"""So long after a start a view is looked at before it is held against one of long ago."""
CLEAR_MS: Final = 3_000
"""How long a told fault must be gone to be over."""

DARK: Final = 24.0
"""Nine tenths of a dark picture are below this grey level. Higher: lamps at night matter."""


class SceneFaults:
    """Watches the pictures of one camera. Not thread-safe."""

    def __init__(
        self,
        source: str,
        kinds: Collection[Fault],
        told: Collection[Fault] = (),
        before: Reference | None = None,
    ) -> None:
        """``told``: what was told before a restart and is not known to be over; ``before``: what
        was usual then.
        """
        self._source = source
        self._kinds = kinds
        self._mean: Grey = np.zeros((0, 0), np.float32)
        self._before: Grey = self._mean
        self._noise = 0.0
        self._looked_ts: int | None = None
        self._sample: Image = np.zeros((0, 0), np.uint8)
        self._still_since = 0
        self._usual: Usual | None = None
        self._before_restart = before
        self._elsewhere = False
        """It looks at another place than before it was away, whatever that shows."""
        self._began_ts: int | None = None
        self._suspects: dict[Fault, int] = {}
        """Faults that are there but not told, or told but not there, and since when."""
        self.active: set[Fault] = set(told)

    def look(self, image: Image, ts: int) -> list[SceneFault]:
        """The faults that the picture taken at ``ts`` (ms) begins or ends."""
        if self._looked_ts is not None and ts - self._looked_ts < STEP_MS:
            return []
        if self._looked_ts is not None and ts - self._looked_ts > SHORT_MS:
            self._forget()
        self._average(image, ts)
        view = view_of(self._mean, self._noise)
        self._recall(view, ts)
        there = self._there(view, image, ts)
        if self._usual is None:
            self._usual = Usual(view, ts)
        elif not there and not self.active:
            self._usual.learn(view, ts)
        # What was told and is no longer watched for is over, too.
        kinds = [*self._kinds, *(fault for fault in self.active if fault not in self._kinds)]
        if self._before_restart is not None:
            kinds = [fault for fault in kinds if fault is not Fault.MOVED]  # not known yet
        there &= set(self._kinds)
        records = [self._judge(fault, fault in there, ts) for fault in kinds]
        return [record for record in records if record is not None]

    def accept(self) -> None:
        """The view as it is from now on is the right one."""
        self._usual = self._before_restart = None
        self._elsewhere = False

    def reference(self, drawn: str) -> Reference | None:
        """What a restart shall know; None before enough was learned. See `Reference`."""
        if self._before_restart is not None:
            return replace(self._before_restart, drawn=drawn)
        return self._usual.reference(drawn) if self._usual is not None else None

    def _forget(self) -> None:
        """Begin anew after a long time without pictures, as after a restart."""
        self._before_restart = self.reference("")
        self._usual = self._looked_ts = self._began_ts = None

    def _recall(self, view: SceneView, ts: int) -> None:
        """Take up what was usual before a restart, as far as it still says something."""
        told = self._before_restart
        if self._began_ts is None:
            self._began_ts = ts
        if told is None:
            return
        away_ms = self._began_ts - told.ts
        if told.view().edges.shape != view.edges.shape or not 0 <= away_ms <= OLD_MS:
            self._before_restart = None
        elif away_ms <= SHORT_MS:
            self._before_restart, self._usual = None, Usual.recalled(told, ts)
        elif ts - self._began_ts >= SETTLE_MS:  # passers-by have faded from the mean
            usual = Usual.recalled(told, ts)
            elsewhere = usual.elsewhere(view)
            if elsewhere is None:
                return  # until there is light
            self._before_restart = None
            if elsewhere or usual.shifted(view):
                self._usual, self._elsewhere = usual, elsewhere

    def _average(self, image: Image, ts: int) -> None:
        grey = sized(image[:, :, 1], FINE_PX)
        if self._mean.shape != grey.shape or self._looked_ts is None:
            self._mean, self._noise, self._usual = grey.copy(), 0.0, None
            self._suspects.clear()
        else:
            part = 1 - math.exp(-(ts - self._looked_ts) / MEAN_MS)
            few = (slice(None, None, 4), slice(None, None, 4))  # a sample is as good, and cheaper
            apart = float(np.median(np.abs(grey[few] - self._before[few]))) / 0.6745 / math.sqrt(2)
            # How much of one picture's noise is left in the mean of many. Where all the light
            # changes between two pictures, that is not noise.
            left = apart * math.sqrt(part / (2 - part))
            self._noise = min(left, self._noise + part)
            cv2.accumulateWeighted(grey, self._mean, part)
        self._before, self._looked_ts = grey, ts

    def _there(self, view: SceneView, image: Image, ts: int) -> set[Fault]:
        """The gravest fault of the view, and whether it is frozen besides."""
        found = {Fault.FROZEN} if self._frozen(image, ts) else set()
        usual = self._usual
        if view.bright < DARK:
            return found | {Fault.DARK}
        if usual is None or not usual.known(ts):
            if float(view.detail.mean()) < BLANK:
                found.add(Fault.COVERED)
            elif view.detail.mean() >= TELLING and view.sharpness < BLURRED_AT_ALL:
                found.add(Fault.BLURRED)
            return found
        self._elsewhere = self._elsewhere and usual.moved(view)
        if self._elsewhere:
            return found | {Fault.MOVED}
        for fault, holds in (
            (Fault.COVERED, usual.covered),
            (Fault.BLURRED, usual.blurred),
            (Fault.MOVED, usual.moved),
        ):
            if holds(view):
                return found | {fault}
        return found

    def _frozen(self, image: Image, ts: int) -> bool:
        """Whether not one grain of the picture has changed for long."""
        sample = image[::4, ::4, 1]
        if not np.array_equal(sample, self._sample):
            self._sample, self._still_since = sample.copy(), ts
        return ts > self._still_since

    def _judge(self, fault: Fault, there: bool, ts: int) -> SceneFault | None:
        told = fault in self.active
        if there == told:
            self._suspects.pop(fault, None)
            return None
        since = self._suspects.setdefault(fault, ts)
        if ts - since < (CLEAR_MS if told else HOLD_MS[fault]):
            return None
        self._suspects.pop(fault)
        self.active ^= {fault}
        return SceneFault(seq=0, ts=ts, source=self._source, fault=fault, active=not told)
