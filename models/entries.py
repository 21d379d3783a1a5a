"""What a catalog.yaml holds."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

Pixels = Annotated[int, Meta(ge=32, le=4096)]
Share = Annotated[float, Meta(ge=0, le=1)]
Positive = Annotated[float, Meta(gt=0)]
Sha256 = Annotated[str, Meta(pattern="^([0-9a-f]{64})?$")]
"""Of a file's content, in hexadecimal; empty where nobody has computed it."""


class Measured(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What ``linli models eval`` said about a model."""

    pictures: str
    """Which pictures."""
    ap50_person: Share | None = None
    ap_person: Share | None = None
    ms: Positive | None = None
    """One picture on one thread, preparation and decoding included."""
    by: str = ""
    """Who says so, or on which machine."""


class Published(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What lies at an entry's ``urls``, where that is another export of the model."""

    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    size_bytes: Annotated[int, Meta(gt=0)]


class Entry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One model of the catalog."""

    name: Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9.-]{0,62}$")]
    title: str
    task: Literal["detect", "faces"]
    decoder: Literal[
        "yolox",
        "yolov5",
        "fastestdet",
        "ultralytics",
        "ultralytics-end2end",
        "ssd",
        "rtdetr",
        "yunet",
    ]
    file: str
    """The weights' file name; under ``weights/`` for those that ship with Linli."""
    size_wh: tuple[Pixels, Pixels]
    """The input picture, pixels."""
    layout: Literal["nchw", "nhwc"] = "nchw"
    dtype: Literal["float32", "uint8"] = "float32"
    channels: Literal["bgr", "rgb"]
    scale: Positive
    """What 0–255 is multiplied by. An input of uint8 takes the picture as it is."""
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Then taken away, in the order of ``channels``."""
    std: tuple[Positive, Positive, Positive] = (1.0, 1.0, 1.0)
    """Then divided by."""
    fit: Literal["letterbox", "stretch"]
    """letterbox: keep the aspect, picture at the top left, pad the rest; stretch: fill."""
    pad: Annotated[int, Meta(ge=0, le=255)] = 0
    classes: tuple[str, ...] = ()
    class_list: str = ""
    """A list shared by models, instead of ``classes``."""
    first_class: Literal[0, 1] = 0
    """The number that the model gives to the first class; 1 where 0 is the background."""
    licence: str
    urls: tuple[str, ...] = ()
    sha256: Sha256 = ""
    size_bytes: Annotated[int, Meta(ge=0)] = 0
    """0: not known."""
    unverified: bool = False
    """Nobody has computed the checksum of the file at ``urls`` for this catalog."""
    published: Published | None = None
    """Where the file at ``urls`` is not the one of ``sha256``; both are this model."""
    measured: tuple[Measured, ...] = ()
    note: str = ""
    """What whoever chooses it should know, such as what was not measured."""

    @property
    def files(self) -> dict[str, int]:
        """The sha256 of each file that is this model, and its size in bytes (0: not known).

        Empty where nobody has computed it.
        """
        files = {self.sha256: self.size_bytes} if self.sha256 else {}
        if self.published:
            files[self.published.sha256] = self.published.size_bytes
        return files


class ClassList(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Class names in the order of the model's outputs."""

    name: str
    classes: Annotated[tuple[str, ...], Meta(min_length=1)]


class CatalogFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A catalog.yaml."""

    class_lists: tuple[ClassList, ...] = ()
    models: tuple[Entry, ...] = ()
