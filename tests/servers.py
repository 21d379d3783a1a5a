"""Real servers for tests: Mosquitto, PostgreSQL, and InfluxDB 1.6 behind an nginx that speaks
/api/v2/write.

Each is a context manager on a free loopback port, keeps its files in the folder that it is
given, can be killed and started again, and is gone when the test is. A program that is not
installed skips the test with the command that installs it.
"""

import atexit
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlencode

import pytest
import urllib3

HOST = "127.0.0.1"
PORTS = iter(range(12_000, 32_000))
"""Linux connects from ports that begin at 32768."""
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 60.0


def free_port() -> int:
    """A loopback port that nobody listens on, nor is given another time on this machine while
    this process lives: not by the system, as it is below those that it gives away by itself,
    and not by this function, also where other tests run beside these."""
    for port in PORTS:
        claim = socket.socket(socket.AF_UNIX)
        with contextlib.suppress(OSError), socket.socket() as probe:
            claim.bind(f"\0linli-test-port-{port}")
            probe.bind((HOST, port))
            claim.detach()  # held until the process ends
            return port
        claim.close()
    raise AssertionError("no free port is left for tests")


def find_program(name: str, package: str) -> str:
    """The path of a server's program; skips the test where it is not installed."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/sbin")
    if found is None:
        pytest.skip(f"{name} is not installed: apt-get install {package}")
    return found


class Server:
    """A child process that listens on a port."""

    def __init__(self, command: list[str], port: int, log: Path) -> None:
        self.host = HOST
        self.port = port
        self._command = command
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        atexit.register(self.kill)

    def start(self) -> None:
        """Start, and return once it takes connections."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                tail = self._log.read_text(errors="replace")[-2000:]
                raise AssertionError(
                    f"{self._command[0]} did not start on port {self.port}: {tail}"
                )
            time.sleep(0.02)

    def _listens(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection((HOST, self.port), timeout=1):
            return True
        return False

    def kill(self) -> None:
        """SIGKILL: nothing that it holds in memory survives."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM, and wait until it has gone."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def restart(self) -> None:
        """Stop it if it runs, then start it on the same port with the same files."""
        self.stop()
        self.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()
        atexit.unregister(self.kill)


def mosquitto(tmp_path: Path, port: int | None = None, conf_extra: str = "") -> Server:
    """A started Mosquitto for anonymous clients, which saves its sessions every second."""
    program = find_program("mosquitto", "mosquitto")
    folder = tmp_path / "mosquitto"
    folder.mkdir(exist_ok=True)
    port = port or free_port()
    lines = [
        f"listener {port} {HOST}",
        "allow_anonymous true",
        "persistence true",
        f"persistence_location {folder}/",
        "autosave_interval 1",
        "set_tcp_nodelay true",
        # As configs/mosquitto.conf: else it drops what waits for a hub that starts slowly.
        "max_queued_messages 0",
        *(["user root"] if os.geteuid() == 0 else []),  # else it could not write its folder
        conf_extra,
    ]
    (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")
    server = Server([program, "-c", str(folder / "mosquitto.conf")], port, folder / "mosquitto.log")
    server.start()
    return server


class Postgres(Server):
    """A PostgreSQL with one user, ``linli``, who needs no password."""

    def __init__(self, programs: Path, folder: Path, port: int) -> None:
        self._folder = folder
        flags = ["-D", str(folder / "data"), "-p", str(port), "-h", HOST, "-k", str(folder)]
        super().__init__(_as_postgres(programs / "postgres", *flags), port, folder / "log")
        self.url = f"postgresql://linli@{HOST}:{port}/postgres"

    def stop(self) -> None:
        """A fast shutdown: it waits for no client."""
        self._end(signal.SIGINT)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        super().__exit__(kind, error, trace)
        shutil.rmtree(self._folder, ignore_errors=True)


def _as_postgres(program: Path, *flags: str) -> list[str]:
    """PostgreSQL refuses to run as root."""
    drop = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    return [*(drop if os.geteuid() == 0 else []), str(program), *flags]


def postgresql() -> Postgres:
    """A started PostgreSQL with an empty database. Its folder is not the test's: the user it
    runs as may not enter that."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not found:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    programs = found[-1].parent
    folder = Path(tempfile.mkdtemp(prefix="linli-postgresql-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    flags = ["-D", str(folder / "data"), "-U", "linli", "--auth=trust", "--no-sync"]
    subprocess.run(_as_postgres(programs / "initdb", *flags), check=True, stdout=subprocess.DEVNULL)
    server = Postgres(programs, folder, free_port())
    server.start()
    return server


_INFLUXD_CONF = """\
reporting-disabled = true
bind-address = "{host}:{rpc_port}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  query-log-enabled = false
[monitor]
  store-enabled = false
[http]
  bind-address = "{host}:{port}"
  log-enabled = false
"""
# Without a master process, killing nginx leaves no worker behind.
_NGINX_CONF = """\
daemon off;
master_process off;
error_log {folder}/nginx.log warn;
pid {folder}/nginx.pid;
{user}
events {{}}
http {{
  access_log off;
  client_max_body_size 50m;
  client_body_temp_path {folder}/nginx-body;
  proxy_temp_path {folder}/nginx-proxy;
  fastcgi_temp_path {folder}/nginx-fastcgi;
  uwsgi_temp_path {folder}/nginx-uwsgi;
  scgi_temp_path {folder}/nginx-scgi;
  server {{
    listen {host}:{port};
    location = /api/v2/write {{
      rewrite ^ /write?db=$arg_bucket&precision=$arg_precision? break;
      proxy_pass http://{host}:{influxd_port};
    }}
    location / {{
      proxy_pass http://{host}:{influxd_port};
    }}
  }}
}}
"""


class Influx:
    """InfluxDB 1.6, and nginx before it. ``kill`` and ``start`` leave nginx running, which then
    answers 502; ``front`` is nginx, for refused connections."""

    def __init__(self, influxd: Server, front: Server) -> None:
        self.influxd = influxd
        self.front = front
        self.url = f"http://{HOST}:{front.port}"

    def create_database(self, name: str) -> None:
        """Make an empty database; one of this name stays as it is."""
        self.query(f'CREATE DATABASE "{name}"')

    def query(self, statement: str, database: str = "") -> str:
        """What influxd itself answers to a statement."""
        words = urlencode({"q": statement, "db": database, "epoch": "ns"})
        address = f"http://{HOST}:{self.influxd.port}/query?{words}"
        answer = urllib3.request("POST", address, retries=False, timeout=START_TIMEOUT_S)
        text = answer.data.decode()
        assert answer.status == 200, text
        assert '"error"' not in text, text
        return text

    def start(self) -> None:
        """Start influxd again."""
        self.influxd.start()

    def kill(self) -> None:
        """SIGKILL influxd."""
        self.influxd.kill()

    def stop(self) -> None:
        """SIGTERM influxd."""
        self.influxd.stop()

    def restart(self) -> None:
        """Stop influxd if it runs, then start it."""
        self.influxd.restart()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.front.__exit__(kind, error, trace)
        self.influxd.__exit__(kind, error, trace)


def influxdb(tmp_path: Path, database: str = "linli") -> Influx:
    """A started InfluxDB with an empty database."""
    packages = "influxdb nginx-light"
    influxd_program = find_program("influxd", packages)
    nginx_program = find_program("nginx", packages)
    folder = tmp_path / "influxdb"
    folder.mkdir(exist_ok=True)
    port, rpc_port, front_port = free_port(), free_port(), free_port()
    (folder / "influxd.conf").write_text(
        _INFLUXD_CONF.format(host=HOST, port=port, rpc_port=rpc_port, folder=folder)
    )
    user = "user root;" if os.geteuid() == 0 else ""  # else its worker could not write here
    (folder / "nginx.conf").write_text(
        _NGINX_CONF.format(host=HOST, port=front_port, influxd_port=port, folder=folder, user=user)
    )
    influxd = Server(
        [influxd_program, "-config", str(folder / "influxd.conf")], port, folder / "influxd.log"
    )
    front = Server(
        [nginx_program, "-e", str(folder / "nginx.log"), "-c", str(folder / "nginx.conf")],
        front_port,
        folder / "nginx.out",
    )
    started = Influx(influxd, front)
    with contextlib.ExitStack() as stack:
        stack.enter_context(started)
        influxd.start()
        front.start()
        started.create_database(database)
        stack.pop_all()
    return started
