"""A camera that serves motion JPEG over HTTP, killed and started again."""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2

from edge.sources.stream import StreamSource
from tests.edge.fakes import DEADLINE_S
from tests.edge.sources.clips import QUICK, picture, real_now
from tests.servers import free_port


class MjpegCamera:
    """A camera that serves motion JPEG over HTTP, as many real ones do."""

    def __init__(self, port: int) -> None:
        stop = self._stop = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=cut")
                self.end_headers()
                try:
                    while not stop.wait(0.02):
                        _, jpeg = cv2.imencode(".jpg", picture(120))
                        head = f"--cut\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}"
                        self.wfile.write(head.encode() + b"\r\n\r\n" + jpeg.tobytes() + b"\r\n")
                except OSError:
                    return

            def log_message(self, *_: object) -> None:
                """Requests of a test are of no interest."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def kill(self) -> None:
        self._stop.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(DEADLINE_S)


def test_an_http_camera_that_is_restarted_comes_back() -> None:
    port = free_port()
    camera = MjpegCamera(port)
    source = StreamSource(
        "gate", f"http://127.0.0.1:{port}/video.mjpg", real_now, fps=60, patience=QUICK
    )
    try:
        before = real_now()
        first = source.read()
        assert first is not None
        assert first.image.shape == (48, 64, 3)
        assert before <= first.ts <= real_now()
        assert abs(float(first.image.mean()) - 120) < 3
        camera.kill()
        camera = MjpegCamera(port)
        deadline = time.monotonic() + DEADLINE_S
        while source.reconnects == 0 and time.monotonic() < deadline:
            assert source.read() is not None
        assert source.reconnects >= 1
        assert source.read() is not None
    finally:
        source.close()
        camera.kill()
