"""Finding people and things in one picture."""

from edge.detect.detector import Detector
from edge.detect.session import ModelUnfit

__all__ = ["Detector", "ModelUnfit"]
