"""Residents' phones that speak HTTP and no JavaScript, as many as one likes."""

import re

import urllib3


class Phone:
    """A browser of its own, with its own cookie and form."""

    def __init__(
        self, address: str, number: int, photo: bytes, where: str, *, tries: int = 1
    ) -> None:
        """``tries``: how often it is sent, as by somebody whose answer got lost."""
        self._tries, self._where = tries, where
        self._pool = urllib3.PoolManager(timeout=urllib3.Timeout(240), retries=False)
        self._address, self._number, self._photo = address, number, photo
        self.links: set[str] = set()

    def open(self) -> None:
        """Load the form."""
        page = self._pool.request("GET", f"{self._address}/report")
        self._cookie = page.headers["Set-Cookie"].partition(";")[0]
        text = page.data.decode()
        self._form = {
            name: _value(text, name) for name in ("csrf_token", "request_key")
        } | {
            "kind": "lighting", "where": self._where, "text": f"lamp {self._number} is out",
            "contact": f"1380000{self._number:04}",
        }  # fmt: skip

    def send(self) -> None:
        """Send the report; raises AssertionError where it is not taken."""
        for _ in range(self._tries):
            photo = ("lamp.jpg", self._photo, "image/jpeg")
            answer = self._pool.request(
                "POST", f"{self._address}/report", fields=[*self._form.items(), ("photos", photo)],
                headers={"Cookie": self._cookie, "Accept": "application/json"},
            )  # fmt: skip
            assert answer.status == 200, answer.data[:300]
            self.links.add(answer.json()["link"])

    def close(self) -> None:
        """Let go of the connection."""
        self._pool.clear()


def _value(text: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]+)"', text)
    assert found is not None
    return found[1]
