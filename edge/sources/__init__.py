"""Where pictures come from: files, cameras on the network or on USB, and the simulated street.

source = open_source(camera, now)
while (frame := source.read()) is not None:
    ...
source.close()
"""

from edge.sources.base import Source, SourceBroken, SourceDown, SourceError
from edge.sources.opening import open_source

__all__ = ["Source", "SourceBroken", "SourceDown", "SourceError", "open_source"]
