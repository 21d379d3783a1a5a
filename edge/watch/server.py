"""The page of ``linli edge watch --page``: asks the agent, and shows what it says."""

import base64
import http.client
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit

import msgspec

from edge.page.server import JSON, LocalPage
from edge.watch.figures import TIMEOUT_S, Unreachable
from edge.watch.live import PATH, TOKEN_FILE
from health.serving import Answer, text

KEPT: Final = 8
"""Pictures that wait to be fetched. Higher: more windows may look at once."""


class WatchServer(LocalPage):
    """Serves one running agent's cameras until closed."""

    def __init__(self, url: str, data: Path, *, port: int = 0) -> None:
        """``url``: of the agent's health; ``data``: its data folder, where the token lies.

        Raises `Unreachable` where the token cannot be read, OSError where the port cannot be had.
        """
        self._url = urlsplit(url)
        self._token_file = data / TOKEN_FILE
        self._auth()
        self._lock = threading.Lock()
        self._jpegs: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        """The newest pictures, by camera and time."""
        super().__init__("watch", port=port)

    def answer(self, path: str) -> Answer:
        """The cameras, what one sees, or the picture that goes with that."""
        try:
            if path == "/cameras.json":
                return self._ask("")
            if path.startswith("/look/"):
                return self._look(unquote(path.removeprefix("/look/")))
        except Unreachable as error:
            return text(503, str(error))
        if path.startswith("/picture/"):
            camera, _, ts = unquote(path.removeprefix("/picture/")).partition("/")
            with self._lock:
                jpeg = self._jpegs.get((camera, ts))
            if jpeg is not None:
                return 200, "image/jpeg", jpeg
        return super().answer(path)

    def _look(self, camera: str) -> Answer:
        status, kind, body = self._ask(camera)
        if status != 200:
            return status, kind, body
        said: dict[str, Any] = msgspec.json.decode(body)
        with self._lock:
            self._jpegs[camera, str(said["ts"])] = base64.b64decode(said.pop("jpeg"))
            while len(self._jpegs) > KEPT:
                self._jpegs.popitem(last=False)
        return 200, JSON, msgspec.json.encode(said)

    def _ask(self, camera: str) -> Answer:
        link = http.client.HTTPConnection(
            self._url.hostname or "", self._url.port, timeout=TIMEOUT_S
        )
        try:
            link.request("GET", f"{PATH}{quote(camera, safe='')}", headers=self._auth())
            answer = link.getresponse()
            return answer.status, answer.headers.get("Content-Type", ""), answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"no agent answers at {self._url.geturl()}: {error}") from None
        finally:
            link.close()

    def _auth(self) -> dict[str, str]:
        """Read again each time: an agent that was started anew has a new token."""
        try:
            return {"Authorization": f"Bearer {self._token_file.read_text(encoding='utf-8')}"}
        except OSError as error:
            raise Unreachable(
                f"{self._token_file} cannot be read ({error.strerror}): look on as the agent's "
                "user, while the agent runs"
            ) from None
