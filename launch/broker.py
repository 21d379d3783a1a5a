"""The embedded broker, as a process: ``python -m launch.broker PORT``."""

import logging
import sys

import iotcore

from wire.records import MAX_EVIDENCE_BYTES

MAX_PAYLOAD_BYTES = MAX_EVIDENCE_BYTES + 64 * 1024
"""The largest message of the wire, with its topic and headers."""


def main() -> None:
    """Serve on loopback until killed."""
    port = int(sys.argv[1])
    # rumqttd marks every packet's span as an error; only silence keeps the log readable.
    logging.getLogger("rumqttd").setLevel(logging.CRITICAL)
    iotcore.Broker(port=port, listen="127.0.0.1", max_payload_size=MAX_PAYLOAD_BYTES).run_forever()


if __name__ == "__main__":
    main()
