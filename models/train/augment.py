"""Views: pictures cropped, scaled, mirrored, put together and spoilt, on the starter's canvas."""

import cv2
import numpy as np

from edge.detections import FloatArray
from edge.frames import Image
from models.train.samples import IGNORE, Sample

SIZE_WH = (384, 288)
"""The starter's input: a 4:3 picture fills it, a 16:9 one lies in it at 384 × 216."""
PAD = 114
LEFT = 0.35
"""A box of which a crop leaves less than this share is ignored."""
SMALLEST_PX = 4.0
"""Thinner boxes are ignored."""

Random = np.random.Generator


def letterbox(sample: Sample, size_wh: tuple[int, int] = SIZE_WH) -> Sample:
    """The picture as the product's detector sees it: whole, at the top left."""
    high, wide = sample.image.shape[:2]
    return place(sample, min(size_wh[0] / wide, size_wh[1] / high), (0.0, 0.0), size_wh)


def place(
    sample: Sample, scale: float, offset_xy: tuple[float, float], size_wh: tuple[int, int]
) -> Sample:
    """The picture scaled and moved on a canvas; what falls outside is cut off."""
    x, y = offset_xy
    matrix = np.array([[scale, 0, x], [0, scale, y]], np.float32)
    blur = sample.image
    if scale < 0.7:  # as cv2.resize does not smooth when it shrinks, smooth only a little
        blur = np.asarray(cv2.blur(blur, (2, 2)), np.uint8)
    canvas = cv2.warpAffine(blur, matrix, size_wh, borderValue=(PAD, PAD, PAD))
    boxes = sample.xyxy * scale + np.array([x, y, x, y], np.float32)
    return _cut(Sample(np.asarray(canvas, np.uint8), boxes, sample.label))


def jitter(sample: Sample, random: Random, size_wh: tuple[int, int] = SIZE_WH) -> Sample:
    """The picture at a random size and place, mirrored half the time."""
    high, wide = sample.image.shape[:2]
    scale = min(size_wh[0] / wide, size_wh[1] / high) * float(np.exp(random.uniform(-0.6, 0.7)))
    room = np.array([size_wh[0] - wide * scale, size_wh[1] - high * scale])
    x, y = room * random.random(2)
    placed = place(sample, scale, (float(x), float(y)), size_wh)
    return mirror(placed) if random.random() < 0.5 else placed


def mirror(sample: Sample) -> Sample:
    """Left and right exchanged."""
    wide = sample.image.shape[1]
    boxes = sample.xyxy[:, [2, 1, 0, 3]].copy()
    boxes[:, [0, 2]] = wide - boxes[:, [0, 2]]
    return Sample(np.ascontiguousarray(sample.image[:, ::-1]), boxes, sample.label)


def mosaic(samples: list[Sample], random: Random) -> Sample:
    """Four pictures around a random point."""
    wide, high = SIZE_WH
    x, y = round(wide * random.uniform(0.35, 0.65)), round(high * random.uniform(0.35, 0.65))
    canvas = np.full((high, wide, 3), PAD, np.uint8)
    boxes, labels = [], []
    corners = ((0, 0, x, y), (x, 0, wide, y), (0, y, x, high), (x, y, wide, high))
    for sample, (left, top, right, bottom) in zip(samples, corners, strict=True):
        tile = _fill(sample, random, (right - left, bottom - top))
        canvas[top:bottom, left:right] = tile.image
        boxes.append(tile.xyxy + np.array([left, top, left, top], np.float32))
        labels.append(tile.label)
    return Sample(canvas, np.concatenate(boxes), np.concatenate(labels))


def _fill(sample: Sample, random: Random, size_wh: tuple[int, int]) -> Sample:
    """A random crop that fills the tile."""
    high, wide = sample.image.shape[:2]
    least = max(size_wh[0] / wide, size_wh[1] / high)
    scale = least * float(np.exp(random.uniform(0, 0.6)))
    room = np.array([size_wh[0] - wide * scale, size_wh[1] - high * scale])
    x, y = room * random.random(2)
    placed = place(sample, scale, (float(x), float(y)), size_wh)
    return mirror(placed) if random.random() < 0.5 else placed


def spoil(image: Image, random: Random) -> Image:
    """Other light, colours, sharpness and noise."""
    out = image.astype(np.float32)
    if random.random() < 0.8:
        gains = np.exp(random.normal(0, 0.06, 3))
        contrast, light = np.exp(random.normal(0, 0.15)), random.normal(0, 14)
        out = ((out * gains - 128) * contrast + 128 + light).astype(np.float32)
    if random.random() < 0.15:
        dark = np.float32(random.uniform(1.2, 2.8))
        out = (255 * (np.clip(out, 0, 255) / 255) ** dark).astype(np.float32)
    if random.random() < 0.12:
        out = np.repeat(out.mean(axis=2, keepdims=True), 3, axis=2).astype(np.float32)
    if random.random() < 0.15:
        out = cv2.GaussianBlur(out, (0, 0), random.uniform(0.4, 1.2)).astype(np.float32)
    if random.random() < 0.25:
        grain = random.standard_normal(out.shape, dtype=np.float32)
        out = out + grain * np.float32(random.uniform(1, 9))
    return np.asarray(np.clip(out, 0, 255), np.uint8)


def _cut(sample: Sample) -> Sample:
    """Boxes cut at the canvas; those of which little is left are ignored, or gone."""
    high, wide = sample.image.shape[:2]
    edges = np.array([wide, high, wide, high], np.float32)
    boxes: FloatArray = np.clip(sample.xyxy, 0, edges).astype(np.float32)
    size = boxes[:, 2:] - boxes[:, :2]
    whole = np.prod(np.maximum(sample.xyxy[:, 2:] - sample.xyxy[:, :2], 1e-3), axis=1)
    share = np.prod(size, axis=1) / whole
    label = np.where((share < LEFT) | (size.min(axis=1) < SMALLEST_PX), IGNORE, sample.label)
    kept = share > 0.02
    return Sample(sample.image, boxes[kept], label[kept].astype(np.int32))
