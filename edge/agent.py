"""The agent: wires sources, detector, outbox and link together, and runs until stopped.

Everything is made in one straight line, and each part's teardown is registered the moment it
exists; it runs in the opposite order, so that the outbox closes last.
"""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final, NamedTuple

import cv2
import psutil
from msgspec import UNSET
from prometheus_client import CollectorRegistry

from configs.agent import AccessReader, DoorSensor, EdgeFile, Webhooks
from edge.camera import CameraWorker, Condition
from edge.cameras import Cameras, Opener
from edge.commands import Commands
from edge.doors import Doors
from edge.heat import hottest_celsius
from edge.home_assistant import Home
from edge.link import Link
from edge.metrics import EdgeMetrics
from edge.outbox import Outbox, OutboxFailed
from edge.picture_ring import FOLDER, PictureRing
from edge.recorder import Recorder
from edge.reload import MakeDetector, Reloader
from edge.shared_detector import AnyDetector, SharedDetector
from edge.sources import open_source
from edge.watch.figures import ADDRESS_FILE
from edge.watch.live import Live, write_token
from health import HealthServer
from wire.errors import LinkRefused
from wire.mqtt import Broker
from wire.records import AGENT, About, ModelAbout, NodeHealth, SourceAbout

log = logging.getLogger(__name__)

OUTBOX_FILE: Final = "outbox.sqlite"
CHECK_S: Final = 1.0
"""How often cameras are looked after."""
FLUSH_S: Final = 5.0
"""How long a stop waits for the broker to take what is left."""
FINISHED_FLUSH_S: Final = 60.0
"""The same when all files have ended: then nothing is more urgent."""
MB: Final = 1_000_000

Now = Callable[[], int]


def wall_ms() -> int:
    """Milliseconds since the Unix epoch."""
    return time.time_ns() // 1_000_000


class Agent:
    """One node. ``start``, then ``wait``, then ``stop``."""

    def __init__(
        self,
        settings: EdgeFile,
        detector: AnyDetector,
        *,
        model: ModelAbout | None = None,
        now: Now = wall_ms,
        opener: Opener = open_source,
        registry: CollectorRegistry | None = None,
        config: Path | None = None,
        make_detector: MakeDetector | None = None,
    ) -> None:
        """Make every part; raises `OutboxError` where the data folder cannot be used.

        Where ``config``, the file of the settings, and ``make_detector`` are given, changes of
        the file are taken up while the agent runs.
        """
        cv2.setNumThreads(1)  # the detector's threads are set apart; more only cost memory
        self._settings = settings
        self._model = model
        self._now = now
        self._link_is_due = self._reload_is_asked = False
        self._started_ts = now()
        self._process = psutil.Process()
        self._ended = threading.Event()
        self._stack = ExitStack()
        self._ticker = threading.Thread(target=self._tick, name="ticker", daemon=True)
        self._stopping = threading.Event()
        self.registry = registry or CollectorRegistry()
        self.metrics = EdgeMetrics(self.registry)
        self.outbox = Outbox(
            Path(settings.data) / OUTBOX_FILE, max_records=settings.outbox.max_records
        )
        self._stack.callback(self.outbox.close)
        self.ring = PictureRing(
            Path(settings.data) / FOLDER,
            max_bytes=settings.pictures.max_mb * MB,
            keep_ms=settings.pictures.keep,
        )
        self._expose_disk()
        self.recorder = Recorder(self.outbox, self.metrics, self.ring)
        self._detector = SharedDetector(detector)
        self._changing = threading.RLock()
        """Held while parts are exchanged."""
        self.reloader = self._make_reloader(config, make_detector)
        self.commands = Commands(
            cameras=lambda: self.cameras,
            detector=self._detector,
            restart=self.restart,
            reload=self.reload,
            recorder=self.recorder,
            metrics=self.metrics,
            now=now,
        )
        self._cameras = Cameras(
            settings,
            opener=opener,
            detector=self._detector,
            recorder=self.recorder,
            metrics=self.metrics,
            now=now,
            on_finished=self._note_finished,
        )
        self.link = self._make_link()
        self.doors = self._make_doors()
        self.home = Home(self.recorder, _version())
        self.health: HealthServer | None = None

    @property
    def cameras(self) -> list[CameraWorker]:
        """Those of the settings."""
        return self._cameras.workers

    def start(self) -> None:
        """Begin; parts that cannot reach what they need keep trying by themselves.

        Raises OSError where the health port cannot be had, `LinkRefused` where the sensors'
        broker cannot be used as configured.
        """
        host, port = self._settings.http_host, self._settings.http_port
        live = Live(write_token(Path(self._settings.data)), lambda: self._cameras)
        self.health = HealthServer(host, port, self.registry, self.ready, live.answer)
        self._stack.callback(self.health.close)
        log.info("health at http://%s:%d/healthz", host, self.health.port)
        self._tell_address(host, self.health.port)
        self._stack.callback(self._stop_link)
        self.link.start()
        self._stack.callback(self.home.stop)
        self.home.use(self._settings)
        self._stack.callback(self._stop_doors)
        self.doors.start()
        self._stack.callback(self._stop_cameras)
        self._cameras.start()
        self._stack.callback(self._stop_ticker)
        self._ticker.start()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Until every camera was a file and has ended, or `ask_to_stop`; False on timeout."""
        return self._ended.wait(timeout_s)

    def ask_to_stop(self) -> None:
        """End `wait`; may be called from a signal handler."""
        self._ended.set()

    def ask_to_reload(self) -> None:
        """Read the configuration again soon, changed or not; for a signal handler."""
        self._reload_is_asked = True

    def stop(self) -> None:
        """Tear everything down, the last begun first; what is left to send gets a moment."""
        self._stack.close()

    def ready(self) -> str | None:
        """None, or why the node is not doing its work."""
        reasons = [each for each in (self.link.problem, self.recorder.problem) if each]
        reasons += [
            f"camera {each.camera.id} is {each.how}"
            for each in self.cameras
            if each.condition in (Condition.STARTING, Condition.LOST)
        ]
        return "; ".join(reasons) or None

    def about(self) -> About:
        """What this node is."""
        cameras = [self._cameras.about(each) for each in self._settings.cameras]
        doors = [SourceAbout(id=door.id, kind="door") for door in self._settings.doors]
        readers = [SourceAbout(id=each.id, kind="reader") for each in self._settings.readers]
        sources = (*cameras, *doors, *readers)
        return About(agent=f"linli {_version()}", model=self._model, sources=sources)

    def report(self) -> dict[str, Any]:
        """Final counters, for trials."""
        return {
            "cameras": {
                each.camera.id: {
                    "condition": each.condition.value,
                    "frames_read": each.delivered + each.skipped,
                    "frames_inferred": each.inferred,
                    "frames_gated": each.gated,
                    "frames_skipped": each.skipped,
                    "reconnects": each.reconnects,
                    "first_ts": each.first_ts,
                    "last_ts": each.last_ts,
                }
                for each in self.cameras
            },
            "records": dict(self.recorder.by_type),
            "records_failed": self.recorder.failed,
            "records_published": self.link.published,
            "records_waiting": self.outbox.depth,
            "records_dropped": self.outbox.dropped,
            "pictures_published": self.link.pictures_published,
            "pictures_waiting": self.outbox.pictures_waiting,
            "pictures_dropped": self.outbox.pictures_dropped,
            "epoch": self.outbox.epoch,
        }

    def reload(self) -> tuple[bool, str]:
        """Read the configuration again; whether it runs now, and what came of it."""
        if self.reloader is None:
            return False, "this agent was not started from a file"
        return self.reloader.reload()

    def restart(self, source: str) -> tuple[bool, str]:
        """Open a camera, or the door sensors' connection, anew."""
        with self._changing:
            if self._cameras.restart(source):
                return True, f"camera {source} is opened anew"
            if any(door.id == source for door in _door_wiring(self._settings).doors):
                self._renew_doors()
                return True, f"the connection of door {source} is made anew"
        return False, f"no camera or door {source!r} on this node"

    def take_up(self, new: EdgeFile, detector: "tuple[AnyDetector, ModelAbout] | None") -> str:
        """Run with other settings; parts that they leave as they were notice nothing.

        Returns what was changed, for people.
        """
        with self._changing:
            old, self._settings = self._settings, new
            if detector is not None:
                made, self._model = detector
                self._detector.replace(made)
            changes = self._cameras.take_up(new, afresh=detector is not None)
            if _door_wiring(new) != _door_wiring(old):
                self._renew_doors()
                changes.append("doors")
            if new.pictures != old.pictures:
                limits = new.pictures
                self.ring.limit(limits.max_mb * MB, limits.keep, self._now())
                changes.append("pictures")
            if self.home.use(new):
                changes.append("home_assistant")
            if new.mqtt != old.mqtt:
                self._link_is_due = True
                changes.append("mqtt")
            self.link.tell_about()
        return ", ".join(changes) or "nothing that was running had to change"

    def _renew_doors(self) -> None:
        self.doors.stop()
        self.doors = self._make_doors()
        try:
            self.doors.start()
        except LinkRefused as error:
            log.error("doors: %s; they stay unheard until the configuration changes", error)

    def _renew_link(self) -> None:
        self._link_is_due = False
        self.link.stop(0)
        self.link = self._make_link()
        self.link.start()

    def _make_link(self) -> Link:
        return Link(
            self._settings.mqtt,
            self._settings.site,
            self._settings.node,
            outbox=self.outbox,
            metrics=self.metrics,
            now=self._now,
            about=self.about,
            on_caught_up=self._tell_health,
            on_draining=self._tell_node_health,
            # What a recording shows is long ago and all in order.
            drain_per_s=0 if self._cameras.recorded else self._settings.outbox.drain_per_s,
            on_do=self.commands.answer,
        )

    def _make_reloader(
        self, config: Path | None, make_detector: MakeDetector | None
    ) -> Reloader | None:
        if config is None or make_detector is None:
            return None
        return Reloader(
            config,
            self._settings,
            take_up=self.take_up,
            make_detector=make_detector,
            metrics=self.metrics,
        )

    def _make_doors(self) -> Doors:
        return Doors(self._settings, recorder=self.recorder, metrics=self.metrics, now=self._now)

    def _tell_address(self, host: str, port: int) -> None:
        """For `linli edge watch`, which could not know a port that was free by chance."""
        file = Path(self._settings.data) / ADDRESS_FILE
        file.write_text(f"http://{host}:{port}\n", encoding="utf-8")
        self._stack.callback(file.unlink, missing_ok=True)

    def _expose_disk(self) -> None:
        self.metrics.outbox_set_aside.set_function(lambda: len(self.outbox.set_aside))
        self.metrics.outbox_oldest.set_function(self._oldest_s)
        self.metrics.resident.set_function(lambda: self._process.memory_info().rss)
        self.metrics.temperature.set_function(lambda: hottest_celsius() or 0.0)
        self.metrics.outbox_records.set_function(lambda: self.outbox.depth)
        self.metrics.outbox_dropped.set_function(lambda: self.outbox.dropped)
        self.metrics.pictures_waiting.set_function(lambda: self.outbox.pictures_waiting)
        self.metrics.pictures_dropped.set_function(lambda: self.outbox.pictures_dropped)
        self.metrics.pictures_kept.set_function(lambda: self.ring.pictures)
        self.metrics.pictures_kept_bytes.set_function(lambda: self.ring.size)

    def _oldest_s(self) -> float:
        try:
            oldest = self.outbox.oldest_ts()
        except OutboxFailed:
            return 0.0  # what fails is counted where it is written
        return 0.0 if oldest is None else max(self._time() - oldest, 0) / 1000

    def _note_finished(self) -> None:
        # A node that also has a door, or another camera, has still something to watch.
        others = bool(_door_wiring(self._settings).doors)
        if not others and self._cameras.finished:
            log.info("every camera's file has ended")
            self._ended.set()

    def _tick(self) -> None:
        next_health = self._now() + self._settings.health_every
        while not self._stopping.wait(CHECK_S):
            self._look_after()
            if self._now() >= next_health:
                next_health = self._now() + self._settings.health_every
                self._tell_health()
                self.ring.prune(self._time())

    def _look_after(self) -> None:
        self._cameras.check()
        if self._reload_is_asked:
            self._reload_is_asked = False
            self.reload()
        elif self.reloader is not None:
            self.reloader.check()
        if self._link_is_due:
            self._renew_link()  # not by the command that asked for it: its answer goes first

    def _time(self) -> int:
        return self._cameras.time()

    def _tell_health(self) -> None:
        if self._cameras.recorded and not self._cameras.frame_ts:
            return  # when that would be is not known before the first picture
        cameras = [each.health() for each in self.cameras]
        self.recorder.append([self.node_health(), *cameras, *self.doors.health()])

    def _tell_node_health(self) -> None:
        self.recorder.append([self.node_health()])

    def node_health(self) -> NodeHealth:
        """How the node itself does."""
        celsius = hottest_celsius()
        lost = self._cameras.lost
        aside = self.outbox.set_aside
        reasons = [
            f"lost: {', '.join(lost)}" if lost else "",
            f"a corrupt outbox was set aside as {aside[-1]}" if aside else "",
            self.reloader.problem if self.reloader is not None else "",
            f"pictures are not kept: {self.ring.problem}" if self.ring.problem else "",
        ]
        return NodeHealth(
            seq=0,
            ts=self._time(),
            source=AGENT,
            ok=not lost,
            detail="; ".join(reason for reason in reasons if reason)[:200],
            uptime_s=max(self._now() - self._started_ts, 0) // 1000,
            outbox=self.outbox.depth,
            outbox_age_s=round(self._oldest_s()),
            dropped=self.outbox.dropped + self.recorder.failed,
            rss_bytes=self._process.memory_info().rss,
            celsius=UNSET if celsius is None else round(celsius, 1),
        )

    def _stop_ticker(self) -> None:
        self._stopping.set()
        self._ticker.join(5.0)

    def _stop_doors(self) -> None:
        self.doors.stop()  # whichever run by then

    def _stop_cameras(self) -> None:
        self._cameras.stop()

    def _stop_link(self) -> None:
        self.link.stop(FINISHED_FLUSH_S if self._cameras.finished else FLUSH_S)


class _Wiring(NamedTuple):
    """What the connections of door sensors and readers are made of."""

    doors: tuple[DoorSensor | AccessReader, ...]
    broker: Broker
    webhooks: Webhooks


def _door_wiring(settings: EdgeFile) -> _Wiring:
    doors = tuple(door for door in settings.doors if door.kind != "simulated")
    broker = settings.sensors_mqtt or settings.mqtt
    return _Wiring((*doors, *settings.readers), broker, settings.webhooks)


def _version() -> str:
    try:
        return version("linli")
    except PackageNotFoundError:  # run from a checkout
        return "0+checkout"
