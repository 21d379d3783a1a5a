"""Batches: random views of the cached pictures, with the teacher's opinion where it has one."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from edge.detections import FloatArray
from models.train.augment import jitter, letterbox, mirror, mosaic, spoil
from models.train.network import LABELS, STRIDES
from models.train.samples import SOURCES, TAUGHT, Sample, read
from models.train.teacher import Teacher

EMPTY = 0.25
"""How often a picture with nothing to find is taken, against one with something."""


View = tuple[Sample, FloatArray | None]
"""A canvas and the teacher's opinion on it."""


@dataclass(frozen=True, slots=True)
class Batch:
    """B views."""

    bgr: Tensor
    """(B, 3, H, W), uint8."""
    boxes: list[Tensor]
    """For each view (N, 4), pixels: left, top, right, bottom."""
    labels: list[Tensor]
    """For each view (N,): index into LABELS or IGNORE."""
    taught: Tensor
    """(B,): whether the teacher has an opinion."""
    opinion: Tensor
    """(B, cells, 5 + classes): the teacher's output; zeros where it has none."""

    def to(self, device: str) -> "Batch":
        """All but the pictures on a device."""
        return Batch(
            self.bgr,
            [each.to(device) for each in self.boxes],
            [each.to(device) for each in self.labels],
            self.taught.to(device),
            self.opinion.to(device),
        )


class Views(Dataset[View]):
    """View i is a function of the seed and i alone."""

    def __init__(
        self, cache: Path, teacher: Path, *, seed: int, length: int, mix: tuple[float, ...]
    ) -> None:
        self._samples = {source: read(cache / f"{source}.npz") for source in SOURCES}
        self._odds = {source: _odds(samples) for source, samples in self._samples.items()}
        self._teacher_file = teacher
        self._teacher: Teacher | None = None
        self._seed, self._length = seed, length
        self._mix = np.array(mix) / sum(mix)

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> View:
        """A view and the teacher's opinion on it."""
        random = np.random.default_rng([self._seed, index])
        source = SOURCES[int(random.choice(len(SOURCES), p=self._mix))]
        view = self._view(source, random)
        view = Sample(spoil(view.image, random), view.xyxy, view.label)
        return view, self._opinion(view) if source in TAUGHT else None

    def _view(self, source: str, random: np.random.Generator) -> Sample:
        first = self._any(source, random)
        way = random.random()
        if way < (0.4 if source == "street" else 0.15):
            view = letterbox(first)
            return mirror(view) if random.random() < 0.3 else view
        if way < (0.85 if source == "street" else 0.65):
            return jitter(first, random)
        others = TAUGHT if source in TAUGHT else (source,)
        weights = [0.75, 0.25] if source in TAUGHT else [1.0]
        more = [self._any(str(random.choice(others, p=weights)), random) for _ in range(3)]
        return mosaic([first, *more], random)

    def _any(self, source: str, random: np.random.Generator) -> Sample:
        samples = self._samples[source]
        return samples[int(random.choice(len(samples), p=self._odds[source]))]

    def _opinion(self, view: Sample) -> FloatArray:
        if self._teacher is None:  # onnxruntime's sessions do not survive a fork
            self._teacher = Teacher(self._teacher_file)
        return self._teacher.rows(view.image)


def _odds(samples: list[Sample]) -> FloatArray:
    """How often to take each: those with nothing to find seldom."""
    weights = np.array([1.0 if (each.label >= 0).any() else EMPTY for each in samples])
    odds: FloatArray = weights / weights.sum()
    return odds


def collate(items: list[View]) -> Batch:
    """Views into a batch."""
    high, wide = items[0][0].image.shape[:2]
    cells = sum((high // stride) * (wide // stride) for stride in STRIDES)
    opinion = np.zeros((len(items), cells, 5 + len(LABELS)), np.float32)
    for row, (_, rows) in zip(opinion, items, strict=True):
        if rows is not None:
            row[:] = rows
    pictures = np.stack([view.image for view, _ in items])
    return Batch(
        bgr=torch.from_numpy(pictures).permute(0, 3, 1, 2),
        boxes=[torch.from_numpy(view.xyxy) for view, _ in items],
        labels=[torch.from_numpy(view.label.astype(np.int64)) for view, _ in items],
        taught=torch.tensor([rows is not None for _, rows in items]),
        opinion=torch.from_numpy(opinion),
    )


def one_thread(_: int) -> None:
    """A loader's worker keeps to one thread."""
    cv2.setNumThreads(1)
