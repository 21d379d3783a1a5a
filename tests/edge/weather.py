"""What weather and light make of a picture."""

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from edge.frames import Image

_ROOM = 64


def noisy(image: Image, random: np.random.Generator) -> Image:
    """With a sensor's noise of a deviation of 3 grey levels."""
    high, wide = image.shape[:2]
    tile = _grain(high, wide)
    x, y = (int(each) for each in random.integers(0, _ROOM, 2))
    noise = tile[y : y + high, x : x + wide]
    return np.asarray(cv2.add(image, noise, dtype=cv2.CV_8U), np.uint8)


@lru_cache(maxsize=4)
def _grain(high: int, wide: int) -> npt.NDArray[np.int16]:
    shape = (high + _ROOM, wide + _ROOM, 3)
    noise = np.random.default_rng(7).normal(0, 3, shape)
    return np.asarray(np.round(noise), np.int16)


def lit(image: Image, gain: float) -> Image:
    """In more or less light."""
    return np.asarray(cv2.convertScaleAbs(image, alpha=gain), np.uint8)


def rainy(image: Image, random: np.random.Generator, drops: int) -> Image:
    """With ``drops`` bright streaks."""
    high, wide = image.shape[:2]
    streaks = np.zeros((high, wide), np.uint8)
    for _ in range(drops):
        x, y, length = (int(each) for each in random.integers((0, 0, 10), (wide, high, 40)))
        bright = int(random.integers(60, 140))
        cv2.line(streaks, (x, y), (x - length // 5, y + length), bright, 1, cv2.LINE_AA)
    streaks = np.asarray(cv2.blur(streaks, (1, 5)), np.uint8)
    return np.asarray(cv2.add(image, cv2.merge([streaks] * 3)), np.uint8)


def lamplit(image: Image, lamps: Sequence[tuple[float, float]]) -> Image:
    """At night: dark but for what lamps at these parts of width and height light."""
    high, wide = image.shape[:2]
    down, right = np.mgrid[:high, :wide]
    light = np.full((high, wide), 0.12, np.float32)
    for x, y in lamps:
        away = ((right - x * wide) ** 2 + (down - y * high) ** 2) / (2 * (0.16 * wide) ** 2)
        light += 1.3 * np.exp(-away.astype(np.float32))
    return np.asarray(np.clip(image * light[..., None], 0, 255), np.uint8)


def shaded(image: Image, corners: Sequence[tuple[float, float]]) -> Image:
    """With a hard shadow over a polygon, in parts of width and height."""
    high, wide = image.shape[:2]
    light = np.ones((high, wide), np.float32)
    outline = np.array([(x * wide, y * high) for x, y in corners], np.int32)
    cv2.fillPoly(light, [outline], 0.4)
    return np.asarray(image * cv2.GaussianBlur(light, (0, 0), 3)[..., None], np.uint8)


def scene(images: list[Image]) -> Image:
    """What stands still in footage: the median of some pictures."""
    return np.asarray(np.median(np.stack(images), axis=0), np.uint8)


def blurred(image: Image, deviation_px: float) -> Image:
    """Out of focus."""
    if deviation_px > 20:  # the same, on a small picture, in a hundredth of the time
        small = cv2.resize(image, None, fx=1 / 8, fy=1 / 8, interpolation=cv2.INTER_AREA)
        soft = cv2.GaussianBlur(small, (0, 0), deviation_px / 8)
        return np.asarray(cv2.resize(soft, image.shape[1::-1]), np.uint8)
    return np.asarray(cv2.GaussianBlur(image, (0, 0), deviation_px), np.uint8)


def shifted(image: Image, right: float, down: float) -> Image:
    """As a camera sees it that was pushed, by parts of the picture's width and height."""
    high, wide = image.shape[:2]
    way = np.array([[1, 0, right * wide], [0, 1, down * high]], np.float32)
    moved = cv2.warpAffine(image, way, (wide, high), borderMode=cv2.BORDER_REFLECT)
    return np.asarray(moved, np.uint8)
