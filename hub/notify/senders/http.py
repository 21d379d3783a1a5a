"""POST, with urllib3's errors and HTTP's answers translated."""

from urllib.parse import urlsplit

import urllib3

from configs.notify import AddressMissing, Route
from hub.notify.senders.base import SendLater, SendRefused

BUSY = {408, 425, 429}


class Poster:
    """POSTs to a route's address."""

    def __init__(self, route: Route) -> None:
        self._route = route
        self._timeout_s = route.timeout.seconds
        self._pool = urllib3.PoolManager(maxsize=1, retries=False)

    def post(self, body: bytes, content_type: str) -> None:
        """Return once the other side said 2xx; raises `SendLater` or `SendRefused`."""
        headers = {"Content-Type": content_type, "User-Agent": "linli"}
        try:
            url, token = self._route.address(), self._route.token()
        except AddressMissing as error:
            raise SendLater(str(error)) from None
        if token:
            headers["Authorization"] = f"Bearer {token}"
        where = _shown(url)
        try:
            status = self._status(url, body, headers)
        except urllib3.exceptions.LocationValueError:
            raise SendRefused(f"route {self._route.id}: its address is no http:// URL") from None
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            # The error's text would show the whole address.
            raise SendLater(f"{where} does not answer: {type(error).__name__}") from None
        if 200 <= status < 300:
            return
        if status in BUSY or status >= 500:
            raise SendLater(f"{where} answered {status}")
        raise SendRefused(f"{where} answered {status}; check the route's address and token")

    def _status(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        timeout = urllib3.Timeout(total=self._timeout_s)
        # The status is the answer; a body that drips in for ever is not waited for.
        answer = self._pool.request(
            "POST", url, body=body, headers=headers, timeout=timeout, retries=False,
            redirect=False, preload_content=False,
        )  # fmt: skip
        answer.close()
        return answer.status


def _shown(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
