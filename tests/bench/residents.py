"""Fifty residents who report with a photo at the same moment: how long each waits, and whether one
is lost."""

import io
import secrets
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image
from sqlalchemy import func, select

from configs.servers import WebSettings
from hub.cases.tables import Case, CasePhoto
from hub.state import store
from launch.report import percentile
from tests.bench import large, rig
from tests.bench.progress import Steps
from tests.bench.table import Figure
from tests.web.phones import Phone
from web.serve import serve

RESIDENTS: Final = 50
PHOTO_WH: Final = (1600, 1200)
"""What a phone makes of its photo before it sends it."""


def measure(folder: Path, steps: Steps) -> Iterator[Figure]:
    """Each of them on a connection of its own, to the server that `linli web` runs."""
    steps.next("residents: fifty report at once")
    engine = store.connect(store.address("", folder))
    store.migrate(engine)
    site = large.site(folder)
    stop, listening, found = threading.Event(), threading.Event(), [""]

    def on_listening(address: str) -> None:
        found[0] = address
        listening.set()

    thread = threading.Thread(
        target=serve,
        args=(WebSettings(data=str(folder), port=0), [site]),
        kwargs={"stop": stop, "on_listening": on_listening},
    )
    thread.start()
    try:
        if not listening.wait(rig.PATIENCE_S):
            raise rig.Stuck("the console did not start")
        took = _report(found[0], f"{site.site.id}/{site.places[0].id}")
    finally:
        stop.set()
        thread.join()
    with engine.connect() as connection:
        kept = [
            connection.scalar(select(func.count()).select_from(table)) or 0
            for table in (Case, CasePhoto)
        ]
    engine.dispose()
    ordered = sorted(took)
    middle, slow = (percentile(ordered, part) or 0.0 for part in (0.5, 0.95))
    words = f"{RESIDENTS} reports with a photo at once"
    yield Figure("residents", f"{words}: p50 of each", middle, "ms", better="lower")
    yield Figure("residents", "p95 of each", slow, "ms", better="lower")
    yield Figure("residents", "lost", float(RESIDENTS - min(kept)), "", 0.0, "lower")


def _report(address: str, where: str) -> list[float]:
    photo = _photo()
    phones = [Phone(address, number, photo, where) for number in range(RESIDENTS)]
    for phone in phones:
        phone.open()
    together, took = threading.Barrier(RESIDENTS), []

    def press(phone: Phone) -> None:
        together.wait()
        begun = time.perf_counter()
        try:
            phone.send()
        finally:
            took.append((time.perf_counter() - begun) * 1000)

    threads = [threading.Thread(target=press, args=(phone,)) for phone in phones]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for phone in phones:
        phone.close()
    return took


def _photo() -> bytes:
    """As much detail as a photo has: noise that is smooth over a few pixels."""
    wide, high = PHOTO_WH
    noise = np.frombuffer(secrets.token_bytes(wide * high * 3 // 16), np.uint8)
    small = Image.fromarray(noise.reshape(high // 4, wide // 4, 3), "RGB")
    out = io.BytesIO()
    small.resize(PHOTO_WH, Image.Resampling.BICUBIC).save(out, "JPEG", quality=82)
    return out.getvalue()
