"""Turns: whoever asked first is next, and nobody gets more than the others."""

import threading
from collections import Counter

import numpy as np

from edge.detections import Detections
from edge.frames import Image
from edge.shared_detector import SharedDetector
from edge.turns import Turns
from tests.edge.fakes import DEADLINE_S, LABELS, until


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
    enough, ready = threading.Event(), threading.Barrier(4, timeout=DEADLINE_S)

    class Counting:
        labels = LABELS

        def detect(self, image: Image) -> Detections:
            looks[threading.current_thread().name] += 1
            if looks.total() >= 400:
                enough.set()
            image.sort()  # something that lets other threads run meanwhile
            return Detections.none()

    shared = SharedDetector(Counting())

    def watch() -> None:
        image = np.random.default_rng(1).integers(0, 255, (200, 200, 3), np.uint8)
        ready.wait()
        while not enough.is_set():
            shared.detect(image)

    threads = [threading.Thread(target=watch, name=f"cam-{n}") for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_S)
    assert min(looks.values()) >= 0.5 * max(looks.values()), looks
