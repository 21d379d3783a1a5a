"""The whole examination, in the order in which an installer puts things right."""

from collections.abc import Callable, Iterator
from pathlib import Path

from configs.agent import EdgeFile
from edge.agent import OUTBOX_FILE
from edge.doctor import broker, cameras, clock, machine, model, sensors
from edge.doctor.finding import Finding, failed
from edge.sources import open_source


class Doctor:
    """Looks at everything that an edge.yaml names. Nothing of it is changed."""

    def __init__(
        self,
        settings: EdgeFile,
        *,
        seconds: float = 5.0,
        clock_url: str = "",
        opener: cameras.Open = open_source,
    ) -> None:
        """``seconds``: how long each camera is watched. ``clock_url``: whose Date to believe."""
        self._settings = settings
        self._seconds = seconds
        self._clock_url = clock_url
        self._opener = opener
        self._clock_known = False

    def examine(self) -> Iterator[Finding]:
        """Findings as they come; a check that fails itself is one too."""
        self._clock_known = False
        for name, check in self._checks():
            try:
                found = check()
            except Exception as error:  # noqa: BLE001 - the other checks are still worth having
                says = f"this check itself failed: {type(error).__name__}: {error}"
                found = [failed(name, says, "please report it; the other findings stand")]
            self._clock_known |= any(each.part == "clock" for each in found)
            yield from found

    def _checks(self) -> list[tuple[str, Callable[[], list[Finding]]]]:
        given = self._settings
        data = Path(given.data)
        return [
            ("disk", lambda: machine.disk(data)),
            ("outbox", lambda: machine.outbox(data / OUTBOX_FILE)),
            ("memory", machine.memory),
            ("temperature", machine.temperature),
            ("clock", machine.clock_kept),
            ("broker", lambda: broker.examine(given.mqtt, given.site, given.node)),
            ("clock", self._clock),
            (
                "doors",
                lambda: sensors.examine(given.doors, given.sensors_mqtt or given.mqtt, given.node),
            ),
            ("pins", lambda: sensors.wired((*given.doors, *given.readers))),
            ("webhooks", lambda: sensors.called(given)),
            (
                "cameras",
                lambda: cameras.examine(given.cameras, seconds=self._seconds, opener=self._opener),
            ),
            ("faces", lambda: model.faces(given)),
            # Last: it takes all of the CPU, which would make the cameras look slow.
            ("model", lambda: model.examine(given, seconds=min(self._seconds, 3.0))),
        ]

    def _clock(self) -> list[Finding]:
        found = clock.examine(self._settings.mqtt.host, self._clock_url)
        return found if found or self._clock_known else [clock.unknown()]
