"""Settings of the hub, the console and the embedded broker."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from configs.values import Duration
from wire.mqtt import Broker
from wire.records import Id

Port = Annotated[int, Meta(ge=0, le=65535)]


class EmbeddedBroker(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The broker that ``linli up`` starts on loopback; left out: an outside broker is used."""

    port: Port = 1883


class SeriesSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where records and signals are kept."""

    kind: Literal["sqlite", "influxdb"] = "sqlite"
    url: str = "http://127.0.0.1:8086"
    """InfluxDB's address (writes to /api/v2/write, reads by InfluxQL over /query)."""
    org: str = ""
    bucket: str = "linli"
    """Also the InfluxQL database's name."""
    token_file: str = ""
    token_env: str = "LINLI_INFLUX_TOKEN"  # noqa: S105 - the variable's name
    timeout: Duration = Duration(10_000)


class HubSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a hub runs."""

    id: Id = "hub"
    """Names the persistent MQTT session; two hubs on one broker need two names."""
    mqtt: Broker = Broker()
    data: str = "data"
    """Folder for the state store, the embedded series store and pictures."""
    state_url: str = ""
    """SQLAlchemy address of the state store, such as postgresql://linli@db.example/linli (the
    password in PGPASSWORD or ~/.pgpass); left out: SQLite in ``data``."""
    series: SeriesSettings = SeriesSettings()
    http_host: str = "127.0.0.1"
    http_port: Port = 0
    """For /healthz, /readyz and /metrics; 0 takes a free one and logs it."""
    lateness: Duration = Duration(10_000)
    """A record that arrives longer than this after its time is marked late."""
    settle: Duration = Duration(200)
    """How far behind the clock durations are decided, so that records in flight still count.
    Higher: fewer wrong decisions on slow networks, later alerts."""
    patience: Duration = Duration(60_000)
    """How long time stands still at the places of a node that is cut off, before it goes on
    without it. Higher: outages change alerts less; lower: silence is noticed sooner."""
    keep_records: Duration = Duration(90 * 86_400_000)
    keep_pictures: Duration = Duration(14 * 86_400_000)
    keep_deliveries: Duration = Duration(365 * 86_400_000)
    """Who was told of what; what is still to be sent stays."""
    keep_anomalies: Duration = Duration(730 * 86_400_000)
    """What was unusual, and what staff said of it."""

    @property
    def session(self) -> str:
        """The name of its persistent session at the broker."""
        return f"linli-{self.id}"


class HubFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A hub.yaml."""

    hub: HubSettings = HubSettings()
    sites: Annotated[tuple[str, ...], Meta(min_length=1)]
    """Site files, relative to this one."""


class WebSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the console runs."""

    host: str = "127.0.0.1"
    port: Port = 8080
    data: str = "data"
    """The hub's data folder."""
    state_url: str = ""
    series: SeriesSettings = SeriesSettings()
    secret_file: str = ""
    """Signs sessions; left out: made once in ``data`` with mode 600."""
    secure_cookies: bool = False
    """Set behind HTTPS, so that the session never travels in the clear."""
    trusted_proxy: str = ""
    """Address of the reverse proxy before it, such as 127.0.0.1, whose X-Forwarded-For and
    X-Forwarded-Proto are believed; limits by address need it. Left out: nobody's are."""
    faces: str = ""
    """A YuNet ONNX: faces in residents' photos are blurred before one is kept, and a photo may
    stand on the public board. Left out: the one that ``linli models pull yunet`` fetched; where
    there is none, only staff see photos. Needs ``linli[faces]``."""
    totp_required: tuple[Literal["viewer", "operator", "maintainer", "admin"], ...] = ()
    """Roles that log in with a one-time code as well as the password; others may."""
    threads: Annotated[int, Meta(ge=2, le=512)] = 128
    """Each open page holds one for its live events; eight are left for all else."""


class WebFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A web.yaml."""

    web: WebSettings = WebSettings()
    sites: Annotated[tuple[str, ...], Meta(min_length=1)]
