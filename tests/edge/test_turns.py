"""Turns: whoever asked first is next, and nobody gets more than the others."""

import threading
from collections import Counter

import numpy as np

from edge.detections import Detections
from edge.frames import Image
from edge.shared_detector import SharedDetector
from edge.turns import Turns
from tests.edge.fakes import DEADLINE_S, LABELS, until

CAMERAS = 4


def test_turns_come_in_the_order_in_which_they_were_asked_for() -> None:
    turns = Turns()
    order: list[int] = []

    def take(number: int) -> None:
        with turns:
            order.append(number)

    threads = [threading.Thread(target=take, args=(number,)) for number in range(8)]
    with turns:
        for number, thread in enumerate(threads):
            thread.start()
            until(lambda wanted=number + 1: turns.waiting == wanted)  # type: ignore[misc]
    for thread in threads:
        thread.join(DEADLINE_S)
    assert order == list(range(8))


def test_a_turn_that_fails_is_handed_on() -> None:
    turns = Turns()
    for _ in range(2):
        try:
            with turns:
                raise RuntimeError("out of memory")
        except RuntimeError:
            pass
    with turns:
        assert turns.waiting == 0


def test_of_a_detector_that_is_too_slow_every_camera_gets_the_same() -> None:
    looks: Counter[str] = Counter()
    enough = threading.Event()

    class Slow:
        """So slow that meanwhile all the other cameras have their next picture."""

        labels = LABELS

        def detect(self, image: Image) -> Detections:  # noqa: ARG002 - it does not look
            if not enough.is_set():
                until(lambda: shared._turns.waiting == CAMERAS - 1)
                looks[threading.current_thread().name] += 1
            if looks.total() >= 100 * CAMERAS:
                enough.set()
            return Detections.none()

    shared = SharedDetector(Slow())

    def watch() -> None:
        image = np.zeros((8, 8, 3), np.uint8)
        while not enough.is_set():
            shared.detect(image)

    threads = [threading.Thread(target=watch, name=f"cam-{n}") for n in range(CAMERAS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_S)
    assert set(looks.values()) == {100}, looks
