"""Why something on the network cannot be used: its name, its port, or what it answers."""

import socket
from urllib.parse import urlsplit

PATIENCE_S = 3.0
DEFAULT_PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}


def obstacle(host: str, port: int, patience_s: float = PATIENCE_S) -> tuple[str, str] | None:
    """(what is wrong, remedy) where no TCP connection can be made; None where one can."""
    try:
        socket.create_connection((host, port), timeout=patience_s).close()
    except socket.gaierror:
        return (
            f"the name {host!r} is not known",
            "check how it is written; use the address in numbers where there is no DNS",
        )
    except ConnectionRefusedError:
        return (
            f"{host} answers, but nothing listens on its port {port}",
            "check the port, and that the service is switched on there",
        )
    except TimeoutError:
        return (
            f"{host}:{port} does not answer",
            "check its power, the cable or Wi-Fi, the address, and a firewall between",
        )
    except (OSError, ValueError, OverflowError) as error:
        return (
            f"{host}:{port} cannot be reached: {error}",
            "check this device's own network: cable, Wi-Fi, address, gateway",
        )
    return None


def address_of(url: str) -> tuple[str, int]:
    """Host and port of a camera's URL; ("", 0) where it has none."""
    try:
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError:
        return "", 0
    return parts.hostname or "", port


def rtsp_status(url: str, patience_s: float = PATIENCE_S) -> int:
    """What the camera answers to DESCRIBE without a login (RFC 2326), such as 200, 401 or 404.

    0 where it does not speak RTSP.
    """
    host, port = address_of(url)
    parts = urlsplit(url)
    target = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    ask = f"DESCRIBE {target} RTSP/1.0\r\nCSeq: 1\r\nAccept: application/sdp\r\n\r\n"
    try:
        with socket.create_connection((host, port), timeout=patience_s) as link:
            link.sendall(ask.encode())
            words = link.recv(4096).split(b" ", 2)
    except OSError:
        return 0
    if len(words) < 2 or not words[0].startswith(b"RTSP/") or not words[1].isdigit():
        return 0
    return int(words[1])
