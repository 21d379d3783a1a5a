"""A well-kept library's forecasts beside ours, over the same hours of the same streets.

`statsforecast` is for the bench alone. Its models are fitted anew at each origin on the weeks
before it, with gaps filled by the same hour a week earlier, as they take none.
"""

import logging
import math
import time
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, Final

from hub.analysis.forecast import Forecaster
from hub.analysis.hours import WEEK_H
from tests.bench.auckland import Street, at, hours
from tests.bench.progress import Steps
from tests.bench.rig import Stuck
from tests.bench.table import Figure

PART = "peers"
HORIZON: Final = 24
TRAIN_H: Final = 8 * WEEK_H
"""What a model of theirs sees; more takes it longer and tells it little."""
EVERY_DAYS: Final = 61
"""Between two origins: every weekday and season comes up."""
FIRST, LAST = "2024-01-08", "2025-12-20"


def measure(streets: Sequence[Street], steps: Steps) -> Iterator[Figure]:
    """Ours and theirs: mean absolute error over the same hours, and time for a forecast."""
    steps.next("peers: ours")
    models = _models()
    origins = range(at(FIRST), at(LAST), 24 * EVERY_DAYS)
    ours, our_s = _ours(streets, origins)
    steps.next("peers: statsforecast's")
    yield Figure(PART, "origins × sensors", len(origins) * len(streets), "")
    errors: dict[str, float] = {}
    spent: dict[str, float] = {}
    for name, model in models.items():
        errors[name], spent[name] = _theirs(model, streets, origins, ours)
        yield Figure(PART, f"{name}: its error over ours", errors[name], "")
        yield Figure(PART, f"{name}: its time over ours",
                     spent[name] / our_s, "")  # fmt: skip
    best = max(errors, key=lambda name: -errors[name])
    yield Figure(PART, f"our error over its best ({best})", 1 / errors[best], "", 1.05,
                 better="lower")  # fmt: skip
    yield Figure(PART, "our time over its best", our_s / spent[best], "", 0.1, better="lower")


def _models() -> dict[str, Any]:
    # Here, since importing it takes seconds and most who measure do not want it.
    try:
        from statsforecast.models import MSTL, AutoETS, AutoTheta
    except ImportError as error:
        raise Stuck("statsforecast is not installed: pip install -e '.[bench]'") from error
    return {
        "MSTL with AutoETS": MSTL(
            season_length=[24, WEEK_H], trend_forecaster=AutoETS(model="ZZN")
        ),
        "AutoTheta": AutoTheta(season_length=WEEK_H),
        "AutoETS": AutoETS(season_length=24, model="ZNA"),
    }


Told = dict[tuple[str, int], list[float]]
"""(sensor, hour of the origin) → what we forecast for the hours from there on."""


def _ours(streets: Sequence[Street], origins: range) -> tuple[Told, float]:
    """All history is learned hour by hour; the time is that of learning the same weeks as a
    model of theirs sees, and of the forecast."""
    told: Told = {}
    spent = 0.0
    for street in streets:
        forecaster = Forecaster()
        for number in range(origins[-1] + 1):
            if number in origins:
                ahead = [hours()[n] for n in range(number, number + HORIZON)]
                told[street.name, number] = [one.mean for one in forecaster.forecast(ahead)]
            count = street.counts[number]
            if not math.isnan(count):
                forecaster.learn(hours()[number], count)
        begun = time.process_time()
        fresh, last = Forecaster(), origins[-1]
        for number in range(last - TRAIN_H, last):
            if not math.isnan(street.counts[number]):
                fresh.learn(hours()[number], street.counts[number])
        fresh.forecast([hours()[n] for n in range(last, last + HORIZON)])
        spent += time.process_time() - begun
    return told, spent / len(streets)


def _theirs(
    model: Any, streets: Sequence[Street], origins: range, ours: Told
) -> tuple[float, float]:
    """Its error over ours where both forecast, the mean of the sensors; seconds a forecast."""
    ratios: list[float] = []
    spent, tried = 0.0, 0
    for street in streets:
        mine = its = 0.0
        for origin in origins:
            seen = _filled(street.counts, origin)
            actual = street.counts[origin : origin + HORIZON]
            if seen is None or not ours[street.name, origin]:
                continue
            begun = time.process_time()
            forecast = _forecast(model, seen)
            spent, tried = spent + time.process_time() - begun, tried + 1
            for count, told, other in zip(actual, ours[street.name, origin], forecast, strict=True):
                if not math.isnan(count):
                    mine += abs(told - count)
                    its += abs(max(0.0, other) - count)
        if mine:
            ratios.append(its / mine)
    return sum(ratios) / len(ratios), spent / max(1, tried)


def _forecast(model: Any, seen: Sequence[float]) -> Sequence[float]:
    import numpy as np

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of optimisers that stop early
        logging.disable(logging.WARNING)
        try:
            return list(model.forecast(np.array(seen), h=HORIZON)["mean"])
        finally:
            logging.disable(logging.NOTSET)


def _filled(counts: Sequence[float], origin: int) -> list[float] | None:
    """The weeks before an origin without gaps; None where a week of them is missing."""
    seen = list(counts[origin - TRAIN_H : origin])
    if sum(map(math.isnan, seen)) > WEEK_H:
        return None
    for number, count in enumerate(seen):
        if math.isnan(count):
            before = seen[number - WEEK_H] if number >= WEEK_H else math.nan
            seen[number] = 0.0 if math.isnan(before) else before
    return seen
