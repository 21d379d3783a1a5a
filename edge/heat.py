"""How hot the device is."""

import psutil


def hottest_celsius() -> float | None:
    """°C of the hottest sensor that this device has; None where it has none."""
    read = getattr(psutil, "sensors_temperatures", None)  # not on every platform
    groups = read() if read is not None else {}
    return max((each.current for group in groups.values() for each in group), default=None)
