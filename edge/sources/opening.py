"""From a camera's settings to its source."""

import os
from collections.abc import Mapping
from pathlib import Path

import cv2

from configs.agent import Camera
from edge.sources.base import Now, Source, SourceBroken, Wait
from edge.sources.file import FileSource
from edge.sources.simulated import SimulatedSource
from edge.sources.stream import StreamSource

TURNS = {
    0: None,
    90: cv2.ROTATE_90_CLOCKWISE,
    180: cv2.ROTATE_180,
    270: cv2.ROTATE_90_COUNTERCLOCKWISE,
}


def open_source(
    camera: Camera,
    now: Now,
    *,
    wait: Wait | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Source:
    """The source of a camera, its pictures set upright.

    Raises SourceBroken where its settings lead nowhere.

    A network or USB camera that is away now raises nothing: the source keeps trying and
    says why in ``down``.
    """
    source = _opened(camera, now, wait, environment)
    source.turn = TURNS[camera.rotate]
    return source


def _opened(
    camera: Camera, now: Now, wait: Wait | None, environment: Mapping[str, str]
) -> FileSource | SimulatedSource | StreamSource:
    fast, fps = camera.pace == "fast", camera.wanted_fps
    if camera.street is not None:
        return SimulatedSource(camera.street, now, fps=fps, fast=fast, wait=wait)
    if camera.file:
        path = Path(camera.file)
        return FileSource(path, now, fps=fps, fast=fast, loop=camera.loop, wait=wait)
    address = camera.url or camera.usb
    if address is None:
        raise SourceBroken(f"camera {camera.id} has no url, file, usb or street; give it one")
    return StreamSource(
        camera.id,
        address,
        now,
        fps=fps,
        username=camera.username,
        password=_password(camera, environment),
        wait=wait,
    )


def _password(camera: Camera, environment: Mapping[str, str]) -> str:
    if not camera.password_env:
        return ""
    if camera.password_env not in environment:
        raise SourceBroken(
            f"the environment variable {camera.password_env} that holds its password is not set; "
            "set it for the agent's service"
        )
    return environment[camera.password_env]
