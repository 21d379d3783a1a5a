"""The model: does it load, how fast is it here, and is that enough for the cameras."""

import time
from pathlib import Path

import cv2

from configs.agent import LINED_FPS, USUAL_FPS, EdgeFile
from edge.doctor.finding import Finding, failed, good, warning
from models.bench import Speed, measure, street_picture
from models.catalog import ModelError, folders, resolve
from models.faces import FaceFinder


def examine(settings: EdgeFile, *, seconds: float) -> list[Finding]:
    """Measured on a picture of the simulated street, with the file's threads and provider."""
    part = f"model {settings.model.name}"
    try:
        found = resolve(settings.model.name, folders())
        speed = measure(
            found,
            street_picture(),
            threads=settings.model.threads,
            provider=settings.model.provider,
            seconds=seconds,
        )
    except ModelError as error:
        return [failed(part, str(error), "`linli models list` shows what is here to choose from")]
    return [judge(part, speed, settings)]


def faces(settings: EdgeFile) -> list[Finding]:
    """The face detectors that cameras name: each is loaded and looks at a picture once."""
    findings = []
    for path in dict.fromkeys(camera.faces for camera in settings.cameras if camera.faces):
        part = f"faces {path}"
        users = [camera.id for camera in settings.cameras if camera.faces == path]
        try:
            finder = FaceFinder(Path(path))
            begun = time.perf_counter()
            finder.find(street_picture())
        except (ValueError, cv2.error):
            says = f"no YuNet model that can be used: no picture leaves {', '.join(users)}"
            remedy = "`linli models pull yunet` fetches it; or leave cameras[].faces out"
            findings.append(failed(part, says, remedy))
            continue
        ms = (time.perf_counter() - begun) * 1000
        findings.append(good(part, f"loads, {ms:.0f} ms a picture", faces_ms=round(ms, 1)))
    return findings


def judge(part: str, speed: Speed, settings: EdgeFile) -> Finding:
    """Whether the speed carries the file's cameras."""
    asked = sum(camera.wanted_fps for camera in settings.cameras)
    says = (
        f"{speed.ms_median:.0f} ms a picture on {speed.provider}: carries {speed.cameras} "
        f"camera{'' if speed.cameras == 1 else 's'} at {USUAL_FPS:g} pictures a second, "
        f"or {speed.lined} with lines at {LINED_FPS:g}"
    )
    figures = {
        "infer_ms": round(speed.ms_median, 1),
        "infer_p95_ms": round(speed.ms_p95, 1),
        "cameras": float(speed.cameras),
        "cameras_with_lines": float(speed.lined),
        "fps": round(speed.fps, 1),
        "asked_fps": asked,
    }
    if asked > speed.fps:
        return warning(
            part,
            f"{says}; the cameras here ask for {asked:g} pictures a second and get {speed.fps:.0f}",
            "lower cameras[].fps, raise model.threads, or compare models with "
            "`linli models bench`; the agent skips pictures evenly until then",
            **figures,
        )
    return good(part, says, **figures)
