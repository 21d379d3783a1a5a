"""An onnxruntime session on the best execution provider, or on the one that is asked for.

Errors::

    models.catalog.ModelError
    └── ModelUnfit   the file loads not at all, or is not what its decoder reads
"""

import logging
from pathlib import Path
from typing import Any

import onnxruntime

from models.catalog import ModelError

log = logging.getLogger(__name__)

SUFFIX = "ExecutionProvider"
CPU = f"CPU{SUFFIX}"
ELSEWHERE = f"Azure{SUFFIX}"
"""onnxruntime's wheels name it, but it only sends work to a cloud; here it would be the CPU."""
PROVIDERS = (
    "CUDAExecutionProvider",
    "ROCMExecutionProvider",
    "CoreMLExecutionProvider",
    "OpenVINOExecutionProvider",
    "DmlExecutionProvider",
    CPU,
)
"""The fastest first. TensorRT is left out: it spends minutes building an engine at the start."""


class ModelUnfit(ModelError):
    """A model that cannot be run: broken, of another shape, or not a detector."""


def available() -> tuple[str, ...]:
    """The execution providers that this onnxruntime was built with and that run on this device."""
    return tuple(name for name in onnxruntime.get_available_providers() if name != ELSEWHERE)


def named(provider: str) -> str:
    """onnxruntime's name of a provider, which may be given as ``cpu``; raises ModelUnfit."""
    known = {name.removesuffix(SUFFIX).lower(): name for name in available()}
    found = known.get(provider.lower().removesuffix(SUFFIX.lower()))
    if found is None:
        raise ModelUnfit(
            f"execution provider {provider!r} is not available here; "
            f"available: {', '.join(available())}. Others come with other builds of onnxruntime, "
            "such as onnxruntime-gpu; leave it empty for the best one here"
        )
    return found


def open_session(path: Path, *, threads: int = 1, provider: str = "") -> Any:
    """A session on ``provider``, or on the best that works here; raises ModelUnfit.

    One that is asked for is used or refused, never replaced by another.
    """
    provider = named(provider) if provider else ""
    chosen = provider or next(name for name in PROVIDERS if name in available())
    try:
        session = onnxruntime.InferenceSession(
            str(path), _options(threads), providers=list(dict.fromkeys([chosen, CPU]))
        )
    except Exception as error:  # onnxruntime's errors share no public base
        raise ModelUnfit(
            f"{path} cannot be loaded as an ONNX model ({error}); fetch it again"
        ) from error
    # A provider whose libraries are broken is left out by onnxruntime without an error.
    used = session.get_providers()[0]
    if used != chosen and provider:
        raise ModelUnfit(
            f"execution provider {provider!r} does not start here (onnxruntime took {used}); "
            "check its driver and libraries, or leave model.provider empty"
        )
    if used != chosen:
        log.warning("execution provider %s does not start here; %s is used", chosen, used)
    return session


def _options(threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Between pictures its threads shall sleep, not spin: the device has other work.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options
