"""The one place where cv2 opens a video; its errors and its chatter end here."""

import os

import cv2
import numpy as np

from edge.frames import Image

OPEN_TIMEOUT_MS = 5000
READ_TIMEOUT_MS = 5000

# FFmpeg writes to stderr past every log, unless told so before it first opens something.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def grab(capture: cv2.VideoCapture) -> Image | None:
    """The next picture in its own memory; None where none comes."""
    if not capture.isOpened():
        return None
    try:
        ok, image = capture.read()
    except cv2.error:
        # A stream that cannot be decoded any further has ended, as far as we can tell.
        return None
    return image.astype(np.uint8, copy=False) if ok else None


def open_capture(address: str | int) -> cv2.VideoCapture:
    """A capture of a file, a URL or a USB camera's number; check ``isOpened()``."""
    try:
        if isinstance(address, int):
            return cv2.VideoCapture(address)
        if "://" not in address:
            # Left to choose, cv2 tries other readers on a broken file, which write to stderr.
            return cv2.VideoCapture(address, cv2.CAP_FFMPEG)
        return cv2.VideoCapture(
            address,
            cv2.CAP_FFMPEG,
            [
                cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
                OPEN_TIMEOUT_MS,
                cv2.CAP_PROP_READ_TIMEOUT_MSEC,
                READ_TIMEOUT_MS,
            ],
        )
    except cv2.error:
        # What cannot even be parsed is the same to us as what cannot be opened.
        return cv2.VideoCapture()
