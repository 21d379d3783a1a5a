"""Finding people and things in one picture."""

from edge.detect.detector import Detector, ModelUnfit

__all__ = ["Detector", "ModelUnfit"]
