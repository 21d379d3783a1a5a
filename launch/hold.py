"""A place at the embedded broker for the hub, before anybody else comes.

That broker keeps its queue in memory and so knows nobody when it begins. What an edge sends it
before the hub has subscribed would be taken, acknowledged, and be nobody's.
"""

import threading
from collections.abc import Iterable
from typing import Any

from configs.servers import HubSettings
from launch.supervisor import LaunchError
from wire import mqtt, topics

PATIENCE_S = 10.0


def hold_place(settings: HubSettings, sites: Iterable[str]) -> None:
    """Begin the hub's session, so that the broker keeps what comes until the hub is there.

    Raises `LaunchError` where the broker does not take it.
    """
    held = threading.Event()
    client = mqtt.client(settings.mqtt, settings.session, clean_session=False)

    def on_connect(*_given: Any) -> None:
        client.subscribe([(topics.subscription(site), 1) for site in sites])

    client.on_connect = on_connect
    client.on_subscribe = lambda *_given: held.set()
    try:
        client.connect(settings.mqtt.host, settings.mqtt.port)
    except OSError as error:
        raise LaunchError(f"the broker that was started cannot be reached: {error}") from None
    client.loop_start()
    try:
        if not held.wait(PATIENCE_S):
            raise LaunchError("the broker that was started lets nobody subscribe")
    finally:
        client.disconnect()
        client.loop_stop()
