"""``linli models eval | bench | add | quantize``: what runs a model.

What it takes to run one is imported when a command is called, so that the rest works without.
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec import structs
from rich.console import Console
from rich.table import Table

from configs.agent import Model
from models.catalog import Catalog, ModelFile, known, resolve, sha256_of
from models.options import FOLDER, entry_of, running, searched_folders, two_columns

if TYPE_CHECKING:
    from models.inspection import Proposal

IMAGES = click.option(
    "--images",
    required=True,
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="A folder of pictures.",
)
LABELS = click.option(
    "--labels",
    required=True,
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="A folder with a text for each picture: lines `class cx cy w h`, shares of the picture.",
)
CLASSES = click.option(
    "--classes",
    default="coco80",
    show_default=True,
    help="What the labels' numbers mean: a class list of the catalog, names with commas, a "
    "data.yaml with `names`, or a .txt with one name a line.",
)
PROVIDER = click.option(
    "--provider", default="", help="onnxruntime's execution provider, such as CPU."
)


def _names(catalog: Catalog, classes: str) -> tuple[str, ...]:
    from models.labelled import class_names

    return class_names(classes, catalog)


@click.command("eval")
@click.argument("name")
@IMAGES
@LABELS
@CLASSES
@click.option(
    "--score",
    type=click.FloatRange(0, 1),
    default=0.4,
    show_default=True,
    help="For precision and recall.",
)
@click.option("--threads", type=click.IntRange(1, 64), default=1, show_default=True)
@PROVIDER
@click.option("--plot", "plot_file", type=click.Path(path_type=Path), help="A picture to write.")
@click.option("--json", "as_json", is_flag=True, help="Figures for scripts.")
@FOLDER
def eval_model(
    *, name: str, images: Path, labels: Path, classes: str, score: float, threads: int,
    provider: str, plot_file: Path | None, as_json: bool, folder: tuple[Path, ...],
) -> None:  # fmt: skip
    """Measure the model NAME (or an .onnx that the catalog knows) on pictures of your own.

    AP50 and AP (IoU 0.5 to 0.95) of each class that both the labels and the model have, as
    COCO computes them, and the time for a picture.
    """
    searched = searched_folders(folder)
    with running():
        from models import trials

        catalog = known(searched)
        found = trials.evaluated(
            resolve(name, searched, catalog=catalog),
            images,
            labels,
            names=_names(catalog, classes),
            settings=Model(score=score, threads=threads, provider=provider),
        )
        if as_json:
            click.echo(found.figures.json())
        else:
            trials.print_figures(found.figures, Console())
        if plot_file is not None:
            trials.draw(found, plot_file)


class _Counts(click.ParamType[tuple[int, ...]]):
    """Numbers from 1 to 64 with commas."""

    name = "numbers"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        words = str(value).split(",")
        if not all(word.isdecimal() and 1 <= int(word) <= 64 for word in words):
            self.fail(f"{value!r} is not numbers from 1 to 64 with commas, such as 1,2", param, ctx)
        return tuple(int(word) for word in words)


@click.command("bench")
@click.argument("names", nargs=-1)
@click.option("--threads", type=_Counts(), default="1,2", show_default=True)
@click.option(
    "--provider",
    "providers",
    multiple=True,
    help="Such as CPU; may be given again. Default: the best here.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0),
    default=3.0,
    show_default=True,
    help="For each combination.",
)
@FOLDER
def bench(
    names: tuple[str, ...],
    threads: tuple[int, ...],
    providers: tuple[str, ...],
    seconds: float,
    folder: tuple[Path, ...],
) -> None:
    """Compare models, threads and providers on this device; say how many cameras it carries.

    Without NAMES: every detector whose weights are here.
    """
    searched = searched_folders(folder)
    with running():
        from models import bench as clock
        from models import trials

        models = trials.present(names, searched, known(searched))
        others = clock.Others()
        speeds = trials.measured(models, threads, providers or ("",), seconds)
        trials.print_speeds(speeds, Console(), others=others.share())


class _Size(click.ParamType[tuple[int, int]]):
    """A width and a height, such as 640x480."""

    name = "WxH"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        wide, cross, high = str(value).lower().partition("x")
        if not (cross and wide.isdecimal() and high.isdecimal()):
            self.fail(f"{value!r} is not a width and a height such as 640x480", param, ctx)
        return int(wide), int(high)


@click.command("add")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--name", default="", help="In the catalog. Default: the file's.")
@click.option(
    "--picture",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="To try it on. Default: the simulated street.",
)
@click.option("--classes", default="", help="As of eval, where the file does not name them.")
@click.option("--size", "size_wh", type=_Size(), help="Input, where the file leaves it open.")
@click.option("--decoder", default="", help="Where several fit.")
@click.option("--channels", type=click.Choice(["rgb", "bgr"]), help="Instead of the usual.")
@click.option("--like", default="", help="Take all settings from this model of the catalog.")
@click.option("--licence", default="", help="Of the weights.")
@click.option(
    "--score",
    type=click.FloatRange(0, 1),
    default=0.4,
    show_default=True,
    help="Show boxes from this score on.",
)
@click.option(
    "--drawn",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to write the picture with the boxes. Default: NAME-boxes.png here.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@FOLDER
def add_model(
    *,
    file: Path,
    name: str,
    picture: Path | None,
    classes: str,
    size_wh: tuple[int, int] | None,
    decoder: str,
    channels: str | None,
    like: str,
    licence: str,
    score: float,
    drawn: Path | None,
    yes: bool,
    folder: tuple[Path, ...],
) -> None:
    """Add a model of your own, an ONNX FILE, to the catalog of the first folder.

    Its inputs and outputs decide how it is read; then it is run on a picture, and you see the
    boxes before anything is written.
    """
    searched = searched_folders(folder)
    with running():
        from models import inspection, local

        catalog = known(searched)
        if not (name or like):
            local.refuse_known(catalog, file, searched[0])
        proposal = inspection.propose(
            file,
            local.name_of(name or file.stem),
            classes=_names(catalog, classes) if classes else (),
            size_wh=size_wh,
            decoder=decoder,
            like=entry_of(catalog, like) if like else None,
        )
        entry = proposal.entry
        entry = structs.replace(
            entry, channels=channels or entry.channels, licence=licence or entry.licence
        )
        local.refuse(catalog, entry, searched[0])
        _show_proposal(replace(proposal, entry=entry), catalog)
        labels = catalog.labels(entry)
        _show_boxes(ModelFile(entry, file, entry.sha256, labels), picture, score, drawn)
        if not yes and not click.confirm(f"Are the boxes right? Add it as {entry.name}?"):
            raise click.ClickException(
                "nothing was added; try --channels, --size, --decoder or --classes"
            )
        click.echo(f"{entry.name}: added to {local.add(file, entry, searched[0])}")


def _show_proposal(proposal: "Proposal", catalog: Catalog) -> None:
    entry, inspected = proposal.entry, proposal.inspected
    labels = catalog.labels(entry)
    table = two_columns(f"{entry.name}: {entry.title}")
    table.add_row("inputs", "\n".join(str(each) for each in inspected.inputs))
    table.add_row("outputs", "\n".join(str(each) for each in inspected.outputs))
    others = ", ".join(each for each in proposal.fitting if each != entry.decoder)
    table.add_row("decoder", f"{entry.decoder}{f' (also fitting: {others})' if others else ''}")
    for key in ("size_wh", "layout", "dtype", "channels", "scale", "mean", "fit", "first_class"):
        table.add_row(key, str(getattr(entry, key)))
    table.add_row("classes", f"{len(labels)}: {', '.join(labels[:20])}")
    table.add_row("sha256", entry.sha256)
    Console().print(table)


def _show_boxes(model: ModelFile, picture: Path | None, score: float, drawn: Path | None) -> None:
    from edge.detect import Detector
    from models import bench, local

    image = local.read_picture(picture) if picture else bench.street_picture()
    found = Detector(model, Model(score=score, labels=model.labels)).detect(image)
    for box, sure, label in zip(found.xyxy.round().tolist(), found.score, found.label, strict=True):
        corners = ", ".join(f"{value:.0f}" for value in box)
        click.echo(f"{model.labels[label]} {sure:.2f} at ({corners})")
    if len(found) == 0:
        click.echo(f"no box of a score from {score:g} on")
    target = drawn or Path(f"{model.entry.name}-boxes.png")
    local.write_picture(target, local.annotated(image, found, model.labels))
    click.echo(f"the boxes are drawn in {target}")


@click.command("quantize")
@click.argument("name")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Default: beside you, with -int8 in its name.",
)
@click.option(
    "--images",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="As of eval: measure before and after.",
)
@click.option("--labels", type=click.Path(path_type=Path, file_okay=False, exists=True))
@CLASSES
@FOLDER
def quantize_model(
    *,
    name: str,
    out: Path | None,
    images: Path | None,
    labels: Path | None,
    classes: str,
    folder: tuple[Path, ...],
) -> None:
    """Write a copy of the model NAME (or an .onnx that the catalog knows) with 8-bit weights.

    With --images and --labels it says what that costs in accuracy and what it does to the time.
    """
    if (images is None) != (labels is None):
        raise click.UsageError("--images and --labels go together")
    searched = searched_folders(folder)
    with running():
        catalog = known(searched)
        model = resolve(name, searched, catalog=catalog)
        target = out or Path(f"{model.path.stem}-int8.onnx")
        small = _quantized(model, target)
        click.echo(
            f"{target}: {target.stat().st_size / 1e6:.2f} MB "
            f"instead of {model.path.stat().st_size / 1e6:.2f} MB"
        )
        if images is not None and labels is not None:
            _compare((model, small), images, labels, _names(catalog, classes))
        click.echo(f"to use it: linli models add {target} --like {model.entry.name}")


def _quantized(model: ModelFile, target: Path) -> ModelFile:
    from models import quantize

    if target.resolve() == model.path.resolve():
        raise click.ClickException(f"{target} is the model itself; give another --out")
    try:
        quantize.quantize(model.path, target)
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"quantising needs {error.name}, which is not installed: pip install 'linli[quantize]'"
        ) from error
    except OSError as error:
        raise click.ClickException(f"{target} cannot be written: {error}") from error
    return replace(model, path=target, sha256=sha256_of(target))


def _compare(
    models: tuple[ModelFile, ...], images: Path, labels: Path, names: tuple[str, ...]
) -> None:
    from models import trials

    table = Table("weights", "AP50 person", "AP person", "AP50 mean", "AP mean", "ms a picture")
    for model in models:
        figures = trials.evaluated(model, images, labels, names=names).figures
        person = figures.of("person")
        shares = (person and person.ap50, person and person.ap, figures.ap50, figures.ap)
        table.add_row(
            model.path.name,
            *("–" if share is None else f"{share:.3f}" for share in shares),
            f"{figures.ms_median:.1f}",
        )
    Console().print(table)
