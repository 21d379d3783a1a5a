"""The broker, step by step: reachable, TLS, login, may it hear commands, may it publish.

MQTT 3.1.1 acknowledges a publication that it throws away for want of permission; MQTT 5 says
so. Where the broker has no MQTT 5, the doctor listens for its own message instead.
"""

import secrets
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import MQTTProtocolVersion

from edge.doctor import clock, network
from edge.doctor.finding import Finding, failed, good, warning
from wire import codec, mqtt
from wire.errors import DecodeError, LinkError
from wire.records import TIME_ASKED, Do, Done
from wire.topics import Channel, Topic

PATIENCE_S = 5.0
HUB_S = 2.0
"""How long a hub may take to say what time it is."""


class _Talk:
    """One connection, and what the broker answered on it."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.greeting: Any = None
        self.granted: list[Any] | None = None
        self.published: dict[int, Any] = {}
        """Of each publication that was acknowledged, the reason code."""
        self.heard: list[bytes] = []
        self._news = threading.Condition()
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_publish = self._on_publish
        client.on_message = self._on_message

    def wait(self, met: Callable[[], bool], patience_s: float) -> bool:
        """Until an answer came; whether it did."""
        with self._news:
            return self._news.wait_for(met, patience_s)

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, code: Any, _more: Any) -> None:
        with self._news:
            self.greeting = code
            self._news.notify_all()

    def _on_subscribe(self, _client: Any, _data: Any, _mid: Any, codes: Any, _more: Any) -> None:
        with self._news:
            self.granted = list(codes)
            self._news.notify_all()

    def _on_publish(self, _client: Any, _data: Any, mid: int, code: Any, _more: Any) -> None:
        with self._news:
            self.published[mid] = code
            self._news.notify_all()

    def _on_message(self, _client: Any, _data: Any, message: MQTTMessage) -> None:
        with self._news:
            self.heard.append(bytes(message.payload))
            self._news.notify_all()


def examine(
    broker: mqtt.Broker, site: str, node: str, *, patience_s: float = PATIENCE_S
) -> list[Finding]:
    """What stands between this node and its broker; the first obstacle ends the walk."""
    part = f"broker {broker.host}:{broker.port}"
    if (wrong := network.obstacle(broker.host, broker.port, patience_s)) is not None:
        return [failed(part, wrong[0], f"{wrong[1]} (mqtt.host, mqtt.port)")]
    if broker.tls and (finding := _tls(part, broker, patience_s)) is not None:
        return [finding]
    try:
        # A broker of 3.1.1 alone may hang up, say so, or say nothing at all.
        found = _talk(part, broker, (site, node), MQTTProtocolVersion.MQTTv5, patience_s / 2)
        if found is None:
            found = _talk(part, broker, (site, node), MQTTProtocolVersion.MQTTv311, patience_s)
    except LinkError as error:
        return [failed(part, str(error), "put it where the configuration says, or change that")]
    if found is None:
        remedy = "is it an MQTT port? one with TLS needs mqtt.tls: true (often port 8883)"
        return [failed(part, "something listens there, but does not speak MQTT", remedy)]
    return found


def _tls(part: str, broker: mqtt.Broker, patience_s: float) -> Finding | None:
    try:
        context = ssl.create_default_context(cafile=broker.ca_file or None)
        with (
            socket.create_connection((broker.host, broker.port), timeout=patience_s) as link,
            context.wrap_socket(link, server_hostname=broker.host),
        ):
            return None
    except ssl.SSLCertVerificationError as error:
        remedy = "name the authority that signed it in mqtt.ca_file, and the broker as in its name"
        if "expired" in error.verify_message or "not yet valid" in error.verify_message:
            remedy = "renew the broker's certificate; look at this device's clock first"
        return failed(part, f"its certificate is not trusted: {error.verify_message}", remedy)
    except (ssl.SSLError, ConnectionResetError):
        return failed(
            part, "this port does not speak TLS", "the broker's TLS port is often 8883 (mqtt.port)"
        )
    except OSError as error:
        where = broker.ca_file or f"{broker.host}:{broker.port}"
        says = f"no TLS with {where}: {error.strerror or error}"
        return failed(part, says, "check mqtt.ca_file and that the port speaks TLS")


def _talk(
    part: str,
    broker: mqtt.Broker,
    who: tuple[str, str],
    version: MQTTProtocolVersion,
    patience_s: float,
) -> list[Finding] | None:
    """None where the broker does not speak this version; raises `LinkError`."""
    site, node = who
    # A name of its own: with the agent's, the broker would cut off an agent that runs.
    client = mqtt.client(
        broker, f"linli-doctor-{site}-{node}"[:60], clean_session=True, version=version
    )
    talk = _Talk(client)
    try:
        client.connect(broker.host, broker.port, keepalive=broker.keepalive_s)
    except OSError:
        return None
    client.loop_start()
    try:
        talk.wait(lambda: talk.greeting is not None, patience_s)
        if talk.greeting is None or str(talk.greeting) == "Unsupported protocol version":
            return None
        refusal = mqtt.refusal(talk.greeting, broker)
        if refusal is not None:
            return [failed(part, str(refusal), _login_remedy(broker))]
        return _may(part, talk, who, patience_s)
    finally:
        client.disconnect()
        client.loop_stop()


def _login_remedy(broker: mqtt.Broker) -> str:
    if not broker.username:
        return "the broker wants a login: set mqtt.username and mqtt.password_file"
    source = broker.password_file or f"the variable {broker.password_env}"
    return f"the name is mqtt.username, the password comes from {source}"


def _may(part: str, talk: _Talk, who: tuple[str, str], patience_s: float) -> list[Finding]:
    done, do = Topic(*who, Channel.DONE), Topic(*who, Channel.DO)
    talk.client.subscribe([(str(do), 1), (str(done), 1)])
    talk.wait(lambda: talk.granted is not None, patience_s)
    granted = [not each.is_failure for each in talk.granted or ()]
    about = f"linli/v1/{who[0]}/{who[1]}/#"
    answer = Done(_nonce(), True, "linli edge doctor asks whether it may")
    if not _accepts(talk, str(done), answer, heard=granted[1:] == [True], patience_s=patience_s):
        remedy = f"let {_name(talk)} write {about} in the broker's ACL"
        return [failed(part, "the login is good, but it may not publish here", remedy)]
    found = [good(part, "reachable, the login is good, it may publish")]
    if granted[:1] != [True] or _is_deaf(talk, str(do), patience_s):
        remedy = f"let {_name(talk)} read {about} in the broker's ACL"
        found.append(warning(part, "it may not hear commands (do)", remedy))
    elif (off_s := _hub_offset_s(talk, str(do), str(done), min(patience_s / 2, HUB_S))) is not None:
        found.append(clock.judged(off_s, "the hub"))
    return found


def _hub_offset_s(talk: _Talk, do: str, done: str, patience_s: float) -> float | None:
    """How far this clock is behind the hub's, to half the time its answer took; None where no
    hub answers."""
    nonce = secrets.token_hex(4)
    sent = time.time()
    talk.client.publish(done, codec.encode(Done(f"{TIME_ASKED}{nonce}", ok=True)), 1)
    told: list[int] = []

    def is_told() -> bool:
        told.extend(each for raw in talk.heard if (each := _time_in(do, raw, nonce)))
        return bool(told)

    if not talk.wait(is_told, patience_s):
        return None
    return told[0] / 1000 - (sent + time.time()) / 2


def _time_in(topic: str, raw: bytes, nonce: str) -> int:
    """What a command tells of the time, ms; 0 where it is another."""
    try:
        _, command = codec.decode(topic, raw)
    except DecodeError:
        return 0
    is_it = isinstance(command, Do) and (command.verb, command.id) == ("time", nonce)
    return command.at if isinstance(command, Do) and is_it else 0


def _nonce() -> str:
    return f"doctor-{secrets.token_hex(4)}"


def _accepts(talk: _Talk, topic: str, said: Do | Done, *, heard: bool, patience_s: float) -> bool:
    """Whether the broker takes a publication; ``heard``: this connection should get it back."""
    mid = talk.client.publish(topic, codec.encode(said), 1).mid
    talk.wait(lambda: mid in talk.published, patience_s)
    code = talk.published.get(mid)
    if code is None or code.is_failure:
        return False
    if talk.client.protocol == MQTTProtocolVersion.MQTTv5 or not heard:
        return True
    return _comes_back(talk, said, patience_s)


def _comes_back(talk: _Talk, said: Do | Done, patience_s: float) -> bool:
    mark = said.id.encode()
    return talk.wait(lambda: any(mark in each for each in talk.heard), patience_s)


def _is_deaf(talk: _Talk, topic: str, patience_s: float) -> bool:
    """Some brokers grant a subscription and then keep everything back.

    A ping to this node shows that, where the login may send one and the broker says so.
    """
    if talk.client.protocol != MQTTProtocolVersion.MQTTv5:
        return False
    ping = Do(_nonce(), "ping")
    sent = _accepts(talk, topic, ping, heard=False, patience_s=patience_s)
    return sent and not _comes_back(talk, ping, patience_s / 2)


def _name(talk: _Talk) -> str:
    return repr(talk.client.username) if talk.client.username else "anonymous clients"
