"""Downloads: resumed, checked before they are visible, and explained where they fail."""

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from models.catalog import resolve
from models.cli import cli
from models.pull import Puller, PullFailed, WrongFile
from tests.servers import free_port

CONTENT = bytes(range(256)) * 4000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
UNVERIFIED = """\
models:
  - name: unsure
    title: nobody has computed its checksum
    task: detect
    decoder: yolox
    file: unsure.onnx
    size_wh: [64, 64]
    channels: bgr
    scale: 1.0
    fit: letterbox
    classes: [person]
    licence: MIT
    unverified: true
"""


class Host:
    """An HTTP server whose faults are chosen by the test."""

    def __init__(self) -> None:
        self.content = CONTENT
        self.cut_after: list[int] = []
        """For each of the next answers, how many bytes are sent before the connection ends."""
        self.ranges = True
        self.status = 0
        """Answer with this instead."""
        self.stall = False
        """Send half, then nothing."""
        self.kind = "application/octet-stream"
        self.asked: list[str] = []
        """The Range of each request."""
        self.paths: list[str] = []
        self.done = threading.Event()
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                host.answer(self)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", free_port()), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        asked = request.headers.get("Range", "")
        self.asked.append(asked)
        self.paths.append(request.path)
        if self.status:
            request.send_error(self.status)
            return
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.ranges else 0
        if start >= len(self.content):
            request.send_error(416)
            return
        request.send_response(206 if start else 200)
        request.send_header("Content-Type", self.kind)
        request.send_header("Content-Length", str(len(self.content) - start))
        if start:
            total = len(self.content)
            request.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        request.end_headers()
        end = start + self.cut_after.pop(0) if self.cut_after else len(self.content)
        if self.stall:
            request.wfile.write(self.content[start : len(self.content) // 2])
            self.done.wait(60)
        else:
            request.wfile.write(self.content[start:end])
        request.close_connection = True

    def close(self) -> None:
        self.done.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def host() -> Iterator[Host]:
    host = Host()
    yield host
    host.close()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "models" / "m.onnx"


def puller(*urls: str, **more: Any) -> Puller:
    settings: dict[str, Any] = {"sha256": SHA256, "size_bytes": len(CONTENT), "timeout_s": 60.0}
    return Puller(urls, wait=lambda _: None, **(settings | more))


def left(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir())


def test_a_file_arrives_whole_and_leaves_nothing_beside_it(host: Host, target: Path) -> None:
    told: list[tuple[int, int]] = []
    puller(host.url, progress=lambda here, whole: told.append((here, whole))).pull(target)
    assert target.read_bytes() == CONTENT
    assert left(target) == ["m.onnx"]
    assert told[-1] == (len(CONTENT), len(CONTENT))


def test_a_connection_that_is_cut_is_resumed_where_it_ended(host: Host, target: Path) -> None:
    host.cut_after = [1000, 5000]
    puller(host.url).pull(target)
    assert target.read_bytes() == CONTENT
    assert host.asked == ["", "bytes=1000-", "bytes=6000-"]


def test_a_pull_goes_on_where_the_one_before_gave_up(host: Host, target: Path) -> None:
    host.cut_after = [700, 0, 0]
    with pytest.raises(PullFailed, match=r"http://127.*: the connection was cut"):
        puller(host.url, attempts=2).pull(target)
    assert not target.exists()
    puller(host.url).pull(target)
    assert target.read_bytes() == CONTENT
    assert host.asked[-1] == "bytes=700-"


def test_as_long_as_something_new_arrives_no_attempt_is_the_last(host: Host, target: Path) -> None:
    host.cut_after = [50_000] * 18
    puller(host.url, attempts=1).pull(target)
    assert len(host.asked) == 19


def test_a_server_that_ignores_range_sends_it_again_from_the_start(
    host: Host, target: Path
) -> None:
    host.cut_after = [1000]
    host.ranges = False
    puller(host.url).pull(target)
    assert target.read_bytes() == CONTENT
    assert host.asked == ["", "bytes=1000-"]


def test_a_server_that_ignores_range_and_always_cuts_is_given_up(host: Host, target: Path) -> None:
    host.cut_after = [1000] * 50
    host.ranges = False
    with pytest.raises(PullFailed):
        puller(host.url, attempts=3).pull(target)
    assert len(host.asked) == 4


def test_a_wrong_file_never_has_the_name(host: Host, target: Path) -> None:
    host.content = b"x" * len(CONTENT)
    with pytest.raises(WrongFile, match=rf"its sha256 is [0-9a-f]{{64}}, expected {SHA256}"):
        puller(host.url).pull(target)
    assert left(target) == []
    assert len(host.asked) == 1


def test_a_file_of_another_length_is_refused_before_it_is_read(host: Host, target: Path) -> None:
    host.content = b"<html>please log in</html>"
    with pytest.raises(WrongFile, match=r"it is 26 bytes long, expected 1024000"):
        puller(host.url).pull(target)
    assert left(target) == []


def test_the_part_of_another_file_is_dropped_and_all_is_fetched_anew(
    host: Host, target: Path
) -> None:
    target.parent.mkdir()
    part = target.with_name(f".m.onnx.{SHA256[:16]}.part")
    part.write_bytes(b"?" * 3000)
    puller(host.url).pull(target)
    assert host.asked == ["bytes=3000-", ""]
    part.write_bytes(b"?" * (len(CONTENT) + 1))
    puller(host.url).pull(target)
    assert target.read_bytes() == CONTENT


def test_a_part_beyond_the_end_is_dropped_where_the_length_is_not_known(
    host: Host, target: Path
) -> None:
    target.parent.mkdir()
    target.with_name(f".m.onnx.{SHA256[:16]}.part").write_bytes(b"?" * (len(CONTENT) + 9))
    puller(host.url, size_bytes=0).pull(target)
    assert target.read_bytes() == CONTENT


def test_a_file_that_was_there_stays_until_the_new_one_is_right(host: Host, target: Path) -> None:
    target.parent.mkdir()
    target.write_bytes(b"old")
    host.content = b"wrong"
    with pytest.raises(WrongFile):
        puller(host.url).pull(target)
    assert target.read_bytes() == b"old"


def test_a_server_that_falls_silent_is_left_after_the_timeout(host: Host, target: Path) -> None:
    host.stall = True
    with pytest.raises(PullFailed, match="timed out"):
        puller(host.url, timeout_s=0.1, attempts=1).pull(target)
    assert not target.exists()
    kept = sum(path.stat().st_size for path in target.parent.glob(".m.onnx.*.part"))
    host.stall = False
    puller(host.url).pull(target)
    assert host.asked[-1] == (f"bytes={kept}-" if kept else "")
    assert target.read_bytes() == CONTENT


def test_a_server_that_is_down_is_named_and_the_next_source_is_asked(
    host: Host, target: Path
) -> None:
    down = Host()
    down.close()
    with pytest.raises(PullFailed, match=rf"{down.url}: .*refused"):
        puller(down.url).pull(target)
    assert left(target) == []
    puller(down.url, host.url).pull(target)
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize(("status", "times"), [(404, 1), (503, 3)])
def test_only_errors_that_may_pass_are_tried_again(
    host: Host, target: Path, status: int, times: int
) -> None:
    host.status = status
    with pytest.raises(PullFailed, match=f"HTTP {status}"):
        puller(host.url, attempts=3).pull(target)
    assert len(host.asked) == times


def test_two_pulls_of_one_file_do_not_write_over_each_other(host: Host, target: Path) -> None:
    host.stall = True
    begun = threading.Event()
    first = puller(host.url, progress=lambda *_: begun.set(), attempts=1)
    thread = threading.Thread(target=first.pull, args=(target,))
    thread.start()
    assert begun.wait(60)
    with pytest.raises(PullFailed, match="is being written by another pull"):
        puller(host.url).pull(target)
    host.stall = False
    host.done.set()
    thread.join(60)
    assert target.read_bytes() == CONTENT


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path, host: Host) -> None:
    (tmp_path / "models").write_text("a file")
    with pytest.raises(PullFailed, match=r"models/m\.onnx cannot be written"):
        puller(host.url).pull(tmp_path / "models" / "m.onnx")


def test_other_schemes_are_not_opened(target: Path) -> None:
    with pytest.raises(PullFailed, match="only http, https, file can be read"):
        puller("ftp://example.org/m.onnx").pull(target)


# The command.


def pull(*words: str, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(cli, ["pull", *words], env=env)


def trial_file(shared: Path) -> tuple[bytes, str]:
    content = (shared / "models" / "fastestdet.onnx").read_bytes()
    return content, hashlib.sha256(content).hexdigest()


def test_pull_takes_a_mirror_that_is_a_folder(shared: Path, tmp_path: Path) -> None:
    content, sha256 = trial_file(shared)
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / sha256).write_bytes(content)
    env = {"LINLI_MODELS_MIRROR": (tmp_path / "mirror").as_uri()}
    result = pull("fastestdet", "--folder", str(tmp_path / "here"), env=env)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "here" / "fastestdet.onnx").read_bytes() == content
    again = pull("fastestdet", "--folder", str(tmp_path / "here"), env=env)
    assert again.exit_code == 0
    assert "is here already" in again.output


def test_pull_asks_an_http_mirror_by_sha256(shared: Path, tmp_path: Path, host: Host) -> None:
    host.content, sha256 = trial_file(shared)
    env = {"LINLI_MODELS_MIRROR": f"{host.url}/weights/"}
    result = pull("fastestdet", "--folder", str(tmp_path), env=env)
    assert result.exit_code == 0, result.output
    assert host.paths == [f"/weights/{sha256}"]


def test_pull_that_fails_says_how_to_get_the_file_here(tmp_path: Path, host: Host) -> None:
    host.status = 404
    env = {"LINLI_MODELS_MIRROR": host.url, "COLUMNS": "200"}
    result = pull("yolox-nano", "--folder", str(tmp_path), env=env)
    assert result.exit_code == 1
    assert "HTTP 404" in result.output
    assert f"put it here as {tmp_path}/yolox_nano.onnx" in result.output
    assert f"so nothing but {host.url} was asked" in result.output
    assert "under the name d39bee73564e338080378b0ad567fbb40e818b55bbfaf971de82a0267ed16b8a" in (
        result.output
    )
    assert "run it again" in result.output
    assert "https://github.com/Megvii-BaseDetection" in result.output


def test_pull_does_not_advise_to_try_a_source_again_that_has_another_file(
    tmp_path: Path, host: Host
) -> None:
    env = {"LINLI_MODELS_MIRROR": host.url}
    result = pull("fastestdet", "--folder", str(tmp_path), env=env)
    assert result.exit_code == 1
    assert f"it is {len(CONTENT)} bytes long, expected 998169" in result.output.replace("\n", " ")
    assert "do not just run it again" in result.output
    assert list(tmp_path.iterdir()) == []


def test_pull_knows_the_login_page_of_a_network(tmp_path: Path, host: Host) -> None:
    host.content, host.kind = b"<html>Sign in</html>", "text/html; charset=utf-8"
    env = {"LINLI_MODELS_MIRROR": host.url, "COLUMNS": "200"}
    result = pull("fastestdet", "--folder", str(tmp_path), env=env)
    assert "it is a web page, such as the login page of a network" in result.output


def test_a_mirror_may_be_a_folder(shared: Path, tmp_path: Path) -> None:
    content, sha256 = trial_file(shared)
    (tmp_path / "stick").mkdir()
    (tmp_path / "stick" / sha256).write_bytes(content)
    env = {"LINLI_MODELS_MIRROR": str(tmp_path / "stick")}
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "fastestdet.onnx").write_bytes(b"damaged")
    result = pull("fastestdet", "--folder", str(tmp_path / "here"), env=env)
    assert result.exit_code == 0, result.output
    assert "it took the place of another file, whose sha256 was" in result.output


def test_a_mirror_that_cannot_be_asked_is_told_at_once(tmp_path: Path) -> None:
    env = {"LINLI_MODELS_MIRROR": "ftp://files/models"}
    result = pull("fastestdet", "--folder", str(tmp_path), env=env)
    assert result.exit_code == 1
    assert "LINLI_MODELS_MIRROR is 'ftp://files/models': expected an http:, https:, file: URL" in (
        result.output.replace("\n", " ")
    )


def test_pull_refuses_a_model_without_a_checksum_until_it_is_given_one(
    tmp_path: Path, host: Host
) -> None:
    (tmp_path / "catalog.yaml").write_text(UNVERIFIED, encoding="utf-8")
    env = {"LINLI_MODELS_MIRROR": host.url}
    result = pull("unsure", "--folder", str(tmp_path), env=env)
    assert result.exit_code == 1
    assert "has no checksum in the catalog" in result.output
    assert "--sha256" in result.output
    assert host.asked == []
    result = pull("unsure", "--sha256", SHA256, "--folder", str(tmp_path), env=env)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "unsure.onnx").read_bytes() == CONTENT


def twice_exported(url: str) -> str:
    """A catalog whose model lies at its address as another file than the one it names first."""
    published = f"    published: {{sha256: {SHA256}, size_bytes: {len(CONTENT)}}}\n"
    sums = f"    sha256: {'a' * 64}\n    size_bytes: 77\n{published}    urls: ['{url}/file']\n"
    return UNVERIFIED.replace("    unverified: true\n", sums)


def test_pull_takes_the_published_export_of_the_same_weights(tmp_path: Path, host: Host) -> None:
    (tmp_path / "catalog.yaml").write_text(twice_exported(host.url), encoding="utf-8")
    result = pull("unsure", "--folder", str(tmp_path), env={"LINLI_MODELS_MIRROR": ""})
    assert result.exit_code == 0, result.output
    assert host.paths == ["/file"]
    assert f"sha256 {SHA256}" in result.output.replace("\n", " ")
    assert "is here already" in pull("unsure", "--folder", str(tmp_path)).output
    assert resolve("unsure", [tmp_path]).sha256 == SHA256


def test_a_mirror_may_hold_either_export(tmp_path: Path) -> None:
    (tmp_path / "catalog.yaml").write_text(twice_exported("http://x"), encoding="utf-8")
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / SHA256).write_bytes(CONTENT)
    env = {"LINLI_MODELS_MIRROR": (tmp_path / "mirror").as_uri()}
    result = pull("unsure", "--folder", str(tmp_path), env=env)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "unsure.onnx").read_bytes() == CONTENT


def test_pull_refuses_a_checksum_that_contradicts_the_catalog(tmp_path: Path) -> None:
    result = pull("yolox-nano", "--sha256", SHA256, "--folder", str(tmp_path))
    assert result.exit_code == 1
    assert "the catalog says d39bee73" in result.output
