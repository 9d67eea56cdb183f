"""The life of a broker as users meet it: started twice, killed, mistaken for another, and out of reach."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from testkit.provider.certificates import Authority
from tests.e2e.commands import COMMAND, PATIENCE, Cli, environment, until_ready

pytestmark = [pytest.mark.slow, pytest.mark.workers]

_CONFIG = """\
app_id: life
topics: {partitions: 2}
models:
  quick: {provider: scripted, options: {default: yes}}
  slow: {provider: scripted, options: {default: "never said", delay: 600}}
ask: {models: [quick]}
retrieval: {embedder: hashing}
server: {port: 0}
"""
_WAITING = "id: waiting\nsteps:\n  say: {kind: ask, models: [slow], prompt: Wait.}\n"


def folder(place: Path) -> Path:
    (place / "meta-ai.yaml").write_text(_CONFIG + "workflows: [w]\n", encoding="utf-8")
    (place / "w").mkdir()
    (place / "w" / "waiting.yaml").write_text(_WAITING, encoding="utf-8")
    return place


@contextmanager
def started(place: Path) -> Iterator[subprocess.Popen[str]]:
    """Start an orchestrator whose log goes to `log` in its folder; it is killed at the end, if it still runs."""
    with (place / "log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(  # noqa: S603  # our own command
            [*COMMAND, "orchestrator", "run", "--json"],
            cwd=place,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def one_line(place: Path, *arguments: str, **environ: str) -> str:
    """Return what a command that must fail says: one line of its own, on standard error."""
    done = subprocess.run(  # noqa: S603  # our own command
        [*COMMAND, *arguments],
        cwd=place,
        env=environment() | environ,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    (line,) = done.stderr.splitlines()
    return line.removeprefix("meta-ai: ")


def broker_of(process: subprocess.Popen[str]) -> int:
    """Return the process id of the broker that an orchestrator has started."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii").split()
    (broker,) = [pid for pid in children if b"tansu" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    return int(broker)


def test_that_a_second_one_in_the_same_folder_is_refused_and_leaves_the_first_alone(tmp_path: Path) -> None:
    place = folder(tmp_path)
    with started(place) as first:
        ready = until_ready(first)
        said = one_line(place, "orchestrator", "run")
        assert said == (
            f"an orchestrator already runs in {place} (process {first.pid}, with its broker at "
            f"{ready['bootstrap_servers']}); stop it first, or start this one in another folder"
        )
        assert "already runs" in one_line(place, "demo", "--keep")
        (result,) = Cli(place).objects("ask", "Are you there?")
        assert result["answer"] == "yes"
        first.send_signal(signal.SIGTERM)
        assert first.wait(PATIENCE) == 0
    assert not (place / ".meta-ai").exists()


def test_that_one_that_was_killed_does_not_keep_others_out(tmp_path: Path) -> None:
    place = folder(tmp_path)
    with started(place) as first:
        until_ready(first)
        first.kill()
        first.wait()
    with started(place) as second:
        assert until_ready(second)["ready"]


def test_that_of_several_that_start_at_once_one_runs(tmp_path: Path) -> None:
    place = folder(tmp_path)
    with started(place) as one, started(place) as two, started(place) as three:
        left = {one, two, three}
        end = time.monotonic() + PATIENCE
        while len(left) > 1 and time.monotonic() < end:
            left = {process for process in left if process.poll() is None}
            time.sleep(0.05)
        (last,) = left
        assert until_ready(last)["ready"]
        assert {process.returncode for process in (one, two, three)} == {None, 1}


@pytest.mark.skipif(sys.platform != "linux", reason="finds the broker in /proc")
@pytest.mark.parametrize("busy", [False, True])
def test_that_it_ends_with_one_line_when_its_broker_is_killed(tmp_path: Path, busy: bool) -> None:  # noqa: FBT001  # a parameter of the test
    place = folder(tmp_path)
    with started(place) as process:
        ready = until_ready(process)
        if busy:
            Cli(place)("tasks", "send", "-", text='{"workflow": "waiting", "input": {}}\n')
            time.sleep(0.5)
        os.kill(broker_of(process), signal.SIGKILL)
        began = time.monotonic()
        assert process.wait(PATIENCE) == 1
        assert time.monotonic() - began < 15  # what is under way is given some seconds
    log = (place / "log").read_text(encoding="utf-8")
    assert log.splitlines()[-1] == (
        f"meta-ai: the embedded broker at {ready['bootstrap_servers']} was ended by signal 9 (Killed), and everything "
        "in it is lost, as it keeps events only in memory; start the orchestrator again, or set broker.kind to kafka, "
        "which keeps them"
    )
    assert "Traceback" not in log
    assert len(log.splitlines()) < 10
    assert not (place / ".meta-ai").exists()


def test_that_the_embedded_broker_takes_one_worker(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    place = folder(tmp_path)
    with started(place) as process:
        address = until_ready(process)["bootstrap_servers"]
        said = one_line(place / "other", "orchestrator", "worker", "-b", address, ORCHESTRATOR_PORT="0")
        assert said == (
            f"the broker at {address} takes only one worker, as it supports no idempotent producers: an embedded "
            "broker already has its own; for several workers set broker.kind to kafka, or use a cluster"
        )
        assert Cli(place).objects("ask", "Are you there?")[0]["answer"] == "yes"


class _Page(BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class _Silent(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        self.request.recv(1)


@contextmanager
def serving(server: socketserver.TCPServer) -> Iterator[str]:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.socket.getsockname()[1]}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("command", [("orchestrator", "worker"), ("ask", "Why?")])
def test_that_an_http_server_is_recognised(tmp_path: Path, command: tuple[str, ...]) -> None:
    with serving(HTTPServer(("127.0.0.1", 0), _Page)) as address:
        said = one_line(tmp_path, *command, "-b", address)
    assert said == f"no broker answers: {address} is an HTTP server, not a Kafka listener; correct the host and port"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl, to make a certificate")
async def test_that_a_listener_with_tls_is_recognised(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    await authority.create()
    context = await authority.server("kafka", days=2)
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0, ssl=context)
    address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    said = await asyncio.to_thread(one_line, tmp_path, "ask", "Why?", "-b", address)
    server.close()
    assert said == f"no broker answers: {address} speaks TLS; set broker.security.protocol to SSL"


def test_that_a_server_that_hangs_up_is_one_line(tmp_path: Path) -> None:
    with serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Silent)) as address:
        said = one_line(tmp_path, "ask", "Why?", "-b", address)
    assert said.startswith(f"no broker answers: {address} closes the connection (")
    assert said.endswith("; is broker.security.protocol right?")


def test_that_the_protocol_is_suspected_where_a_listener_says_nothing(tmp_path: Path) -> None:
    place = folder(tmp_path)
    with started(place) as process:
        address = until_ready(process)["bootstrap_servers"]
        broker = {"kind": "cluster", "bootstrap_servers": address, "security": {"protocol": "SSL"}}
        (tmp_path / "tls.yaml").write_text(json.dumps({"broker": broker}), encoding="utf-8")
        said = one_line(tmp_path, "ask", "Why?", "-c", "tls.yaml")
    assert said == (
        f"no broker answers: {address} did not answer within 5 s; is it a Kafka listener, and is "
        "broker.security.protocol right?"
    )


@pytest.mark.parametrize("command", [("orchestrator", "run"), ("orchestrator", "run", "--broker", "kafka")])
def test_that_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / ".meta-ai").touch()
    said = one_line(tmp_path, *command)
    assert said == "cannot write .meta-ai/run.lock: File exists; make its folder writable"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a file that is always full")
def test_that_a_full_disk_is_one_line(tmp_path: Path) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(  # noqa: S603  # our own command
            [*COMMAND, "orchestrator", "config", "schema"],
            cwd=tmp_path,
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "meta-ai: No space left on device; free some space there; temporary files go where TMPDIR says"
    ]
