"""Looks through every camera: does it give pictures, how many, how large, can they be used."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import cv2
import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from configs.agent import LINED_FPS, Camera
from edge.doctor import network
from edge.doctor.finding import Finding, failed, good, warning
from edge.frames import Image
from edge.sources import Source, SourceError, open_source

DARK = 28.0
"""Mean brightness (0–255) under which a picture is too dark. Higher: complains earlier."""
BLURRED = 12.0
"""Sharpness under which a picture is blurred. Higher: complains earlier."""
SLOW = 0.7
"""A camera may give this share of the pictures that are wanted of it."""
SHARPNESS_WIDTH_PX = 640

Open = Callable[[Camera, Callable[[], int]], Source]


class Look(Struct, frozen=True):
    """What came of watching a camera for a while."""

    pictures: int
    seconds: float
    """From the first picture to the last."""
    image: Image | None
    trouble: str = ""

    @property
    def fps(self) -> float:
        """Pictures a second that the camera sent."""
        return (self.pictures - 1) / self.seconds if self.pictures > 1 and self.seconds else 0.0


def brightness(image: Image) -> float:
    """Mean of the grey picture, 0–255."""
    return float(np.mean(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)))


def sharpness(image: Image) -> float:
    """Variance of the Laplacian at a width of 640: of a sharp outdoor picture hundreds."""
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    height = max(1, round(grey.shape[0] * SHARPNESS_WIDTH_PX / grey.shape[1]))
    same = cv2.resize(grey, (SHARPNESS_WIDTH_PX, height), interpolation=cv2.INTER_AREA)
    return float(cv2.Laplacian(same, cv2.CV_64F).var())


def examine(
    cameras: Sequence[Camera],
    *,
    seconds: float,
    patience_s: float = 12.0,
    opener: Open = open_source,
) -> list[Finding]:
    """All cameras at once, each for ``seconds`` from its first picture on."""
    if not cameras:
        return []
    with ThreadPoolExecutor(len(cameras), thread_name_prefix="doctor") as pool:
        found = pool.map(
            lambda each: _camera(each, seconds=seconds, patience_s=patience_s, opener=opener),
            cameras,
        )
        return [finding for findings in found for finding in findings]


def watch(source: Source, seconds: float, patience_s: float) -> Look:
    """Read for ``seconds`` from the first picture; the first may take ``patience_s``."""
    ending = threading.Timer(patience_s + seconds, source.close)
    ending.daemon = True
    ending.start()
    image: Image | None = None
    first = last = 0.0
    try:
        while (frame := source.read()) is not None:
            last = time.monotonic()
            first = first or last
            image = frame.image
            if last - first >= seconds:
                break
    finally:
        ending.cancel()
    trouble = str(source.down) if source.down is not None else ""
    return Look(source.delivered + source.skipped, last - first, image, trouble)


def _camera(
    camera: Camera, *, seconds: float, patience_s: float, opener: Open
) -> Sequence[Finding]:
    part = f"camera {camera.id}"
    try:
        with closing(opener(replace(camera, pace="clock"), _wall_ms)) as source:
            look = watch(source, seconds, patience_s)
    except SourceError as error:
        return [failed(part, str(error), _source_remedy(camera))]
    if look.image is None:
        return [_no_picture(part, camera, look.trouble)]
    return [_rate(part, camera, look), *_picture(part, look.image)]


def _source_remedy(camera: Camera) -> str:
    if camera.password_env:
        return f"export {camera.password_env}=…, here and in the service's environment file"
    return "give the camera a url, file, usb or street that is there"


def _no_picture(part: str, camera: Camera, trouble: str) -> Finding:
    if camera.usb is not None:
        return failed(
            part,
            f"USB camera {camera.usb} gives no picture",
            "check that it is plugged in and that no other program uses it; `ls /dev/video*` "
            "shows what is there; the agent's user must be in the group video",
        )
    host, port = network.address_of(camera.url)
    if host and (wrong := network.obstacle(host, port)) is not None:
        return failed(part, *wrong)
    status = network.rtsp_status(camera.url) if camera.url.startswith("rtsp://") else 0
    if status == 401 and not camera.username:
        return failed(
            part,
            "the camera asks for a login and none is configured",
            "set username, and password_env to the variable that holds the password",
        )
    if status == 401:
        return failed(
            part,
            f"the camera gives {camera.username!r} no picture",
            f"check the password in {camera.password_env or 'password_env'}, that the user may "
            "watch, and the path in the url",
        )
    if status == 404:
        return failed(
            part,
            "the camera answers, but has no stream at this path",
            "look up the RTSP path of this make; `linli edge init` asks ONVIF cameras for it",
        )
    says = trouble or f"{host}:{port} answers, but no picture comes"
    return failed(part, says, "check the url's path, the stream's codec (H.264 is safe), the login")


def _rate(part: str, camera: Camera, look: Look) -> Finding:
    height, width = look.image.shape[:2] if look.image is not None else (0, 0)
    figures = {"width_px": width, "height_px": height, "fps": round(look.fps, 1)}
    says = f"{width}×{height}, {look.fps:.1f} pictures a second"
    if camera.file:
        return good(part, says, **figures)
    if look.fps < camera.wanted_fps * SLOW:
        asks = "its lines ask" if camera.lines and camera.fps is None else "fps asks"
        return warning(
            part,
            f"{says}, though {asks} for {camera.wanted_fps:g}",
            "raise the camera's own frame rate, use its substream, or check the network to it",
            **figures,
        )
    if camera.lines and camera.wanted_fps < LINED_FPS:
        return warning(
            part,
            f"{says}; with fps: {camera.wanted_fps:g} who crosses its lines is counted less well",
            f"leave fps out, then it is {LINED_FPS:g} where lines are drawn",
            **figures,
        )
    if width > 1920:
        return warning(
            part,
            says,
            "use the camera's substream: decoding this takes much CPU and gains nothing",
            **figures,
        )
    return good(part, says, **figures)


def _picture(part: str, image: Image) -> list[Finding]:
    light, sharp = brightness(image), sharpness(image)
    if light < DARK:
        return [
            warning(
                part,
                "the picture is too dark",
                "take off the lens cap, switch on a light or the camera's infrared",
                brightness=round(light, 1),
            )
        ]
    if sharp < BLURRED:
        return [
            warning(
                part,
                "the picture is blurred or empty",
                "clean the lens, take off its foil, set the focus",
                sharpness=round(sharp, 1),
            )
        ]
    return []


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000
