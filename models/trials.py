"""Models run for figures: on labelled pictures, and against the clock."""

from collections.abc import Sequence
from pathlib import Path

import click
import cv2
from rich.console import Console
from rich.table import Table

from configs.agent import Model
from edge.detect import Detector
from models.bench import QUIET, Speed, best, measure, recommendation, street_picture
from models.catalog import Catalog, ModelFile, ModelMissing, find, resolve
from models.evaluate import FLOOR, ClassFigures, Evaluation, Figures, evaluate, plot
from models.labelled import read_folder


def evaluated(
    model: ModelFile,
    images: Path,
    labels: Path,
    *,
    names: Sequence[str],
    settings: Model | None = None,
) -> Evaluation:
    """A model measured on a folder whose labels index ``names``; raises ModelError."""
    settings = settings or Model()
    folder = read_folder(images, labels, names)
    cv2.setNumThreads(1)  # as the agent does
    detector = Detector(
        model,
        Model(
            score=FLOOR,
            iou=settings.iou,
            threads=settings.threads,
            provider=settings.provider,
            labels=model.labels,
        ),
    )
    return evaluate(detector, folder, threshold=settings.score)


def print_figures(figures: Figures, console: Console) -> None:
    """One line for each class, the mean, and the time."""
    at = f"@{figures.threshold:g}"
    table = Table("class", "objects", "AP50", "AP", f"precision {at}", f"recall {at}")
    ranked = sorted(figures.classes, key=lambda each: (each.name != "person", -each.objects))
    for each in ranked:
        table.add_row(each.name, str(each.objects), *_row(each))
    table.add_section()
    table.add_row("mean", "", f"{figures.ap50:.3f}", f"{figures.ap:.3f}", "", "")
    console.print(table)
    console.print(
        f"{figures.model}, {figures.pictures} pictures, {figures.provider}: "
        f"{figures.ms_median:.1f} ms a picture (median), {figures.ms_p95:.1f} ms (95 %)"
    )
    for remark in figures.remarks:
        console.print(f"note: {remark}", highlight=False, soft_wrap=True)


def _row(each: ClassFigures) -> tuple[str, ...]:
    """The figures as text; where nothing was found, the precision is not known."""
    precision = f"{each.precision:.3f}" if each.found else "–"
    return f"{each.ap50:.3f}", f"{each.ap:.3f}", precision, f"{each.recall:.3f}"


def draw(evaluation: Evaluation, path: Path) -> None:
    """The precision-recall plot, or what is missing for it."""
    try:
        plot(evaluation, path)
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"the plot needs {error.name}, which is not installed: pip install 'linli[reports]'"
        ) from error
    except (OSError, ValueError) as error:
        raise click.ClickException(f"the plot cannot be written to {path}: {error}") from error


def present(names: Sequence[str], searched: Sequence[Path], catalog: Catalog) -> list[ModelFile]:
    """The models that were named, or else every detector whose weights are here."""
    if names:
        return [resolve(name, searched, catalog=catalog) for name in names]
    here = [
        resolve(entry.name, searched, catalog=catalog)
        for entry in catalog.entries
        if entry.task == "detect" and find(entry, searched)
    ]
    if not here:
        raise ModelMissing("no weights are here: `linli models list`, then `linli models pull`")
    return here


def measured(
    models: Sequence[ModelFile], threads: Sequence[int], providers: Sequence[str], seconds: float
) -> list[Speed]:
    """Every combination, each for so many seconds; raises ModelError."""
    cv2.setNumThreads(1)  # as the agent does
    image = street_picture()
    return [
        measure(model, image, threads=count, provider=provider, seconds=seconds)
        for model in models
        for provider in providers
        for count in threads
    ]


def print_speeds(speeds: Sequence[Speed], console: Console, *, others: float) -> None:
    """One line for each combination, then what to make of it.

    ``others``: the share of the processors that other programs used meanwhile.
    """
    table = Table(
        "model", "provider", "threads", "runs", "ms median", "ms 95 %", "pictures/s", "cameras"
    )
    for each in speeds:
        table.add_row(
            each.model,
            each.provider.removesuffix("ExecutionProvider"),
            str(each.threads),
            str(each.runs),
            f"{each.ms_median:.1f}",
            f"{each.ms_p95:.1f}",
            f"{each.fps:.1f}",
            str(each.cameras),
        )
    console.print(table)
    for name in dict.fromkeys(each.model for each in speeds):
        chosen = best([each for each in speeds if each.model == name])
        console.print(recommendation(chosen), highlight=False, soft_wrap=True)
    if others > QUIET:
        console.print(
            f"note: other programs used {others:.0%} of the processors meanwhile: the device is "
            "faster than this, and the figures vary; measure again when it is quiet",
            highlight=False,
            soft_wrap=True,
        )
