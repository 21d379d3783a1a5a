"""One way to make an MQTT client, for the edge and for the hub.

paho's errors and reason codes are translated here and nowhere else.
"""

import os
import ssl
from pathlib import Path
from typing import Any

from msgspec import Struct
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from wire.errors import LinkDown, LinkError, LinkRefused

REFUSALS = {"Bad user name or password", "Not authorized", "Client identifier not valid"}


class Broker(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the broker is and how to log in.

    A password comes from ``password_file`` or from the environment variable that
    ``password_env`` names; never from the configuration itself.
    """

    host: str = "127.0.0.1"
    port: int = 1883
    username: str = ""
    password_file: str = ""
    password_env: str = "LINLI_MQTT_PASSWORD"  # noqa: S105 - the variable's name
    tls: bool = False
    ca_file: str = ""
    keepalive_s: int = 30

    def password(self) -> str | None:
        """The password, or None where none is set; raises `LinkRefused`."""
        if self.password_file:
            try:
                return Path(self.password_file).read_text(encoding="utf-8").strip()
            except OSError as error:
                raise LinkRefused(
                    f"cannot read mqtt password_file {self.password_file}: {error.strerror}"
                ) from None
        return os.environ.get(self.password_env) if self.password_env else None


def client(
    broker: Broker,
    client_id: str,
    *,
    clean_session: bool,
    manual_ack: bool = False,
    version: MQTTProtocolVersion = MQTTProtocolVersion.MQTTv311,
) -> "Client":
    """A paho client with the broker's login and TLS set; not connected yet.

    ``version``: every broker of use speaks 3.1.1; MQTT 5 is for asking what 3.1.1 cannot say.
    """
    made: Client = Client(
        CallbackAPIVersion.VERSION2,
        client_id=client_id,
        clean_session=None if version is MQTTProtocolVersion.MQTTv5 else clean_session,
        protocol=version,
        manual_ack=manual_ack,
    )
    if broker.username:
        made.username_pw_set(broker.username, broker.password())
    if broker.tls:
        try:
            made.tls_set(ca_certs=broker.ca_file or None, cert_reqs=ssl.CERT_REQUIRED)
        except (OSError, ssl.SSLError, ValueError) as error:
            raise LinkRefused(f"cannot use TLS with ca_file {broker.ca_file!r}: {error}") from None
    return made


def unreachable(broker: Broker) -> LinkDown:
    """What to say when nothing answers at the broker's address."""
    return LinkDown(
        f"no broker answers at {broker.host}:{broker.port}; "
        "check mqtt.host and mqtt.port, and that the broker runs"
    )


def refusal(code: "ReasonCode | Any", broker: Broker) -> LinkError | None:
    """What a CONNACK's reason means, or None where it means welcome."""
    text = str(code)
    if text == "Success":
        return None
    if text in REFUSALS:
        return LinkRefused(
            f"the broker at {broker.host}:{broker.port} refused the login of "
            f"{broker.username or 'nobody'!r}: {text}; check mqtt.username and its password"
        )
    return LinkDown(f"the broker at {broker.host}:{broker.port} said: {text}")
