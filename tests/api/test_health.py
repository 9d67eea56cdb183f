from __future__ import annotations

import errno
import json
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp
import pytest

from app.api.health import Check, HealthServer
from app.errors import ConfigurationError, MissingDependency
from app.settings import ServerSettings
from app.telemetry.metrics import Metrics
from app.telemetry.prometheus import PrometheusMetrics

ANY_PORT = ServerSettings(port=0)


@asynccontextmanager
async def client(
    checks: Mapping[str, Check] | None = None, metrics: Metrics | None = None
) -> AsyncIterator[aiohttp.ClientSession]:
    server = HealthServer(ANY_PORT, checks or {}, metrics)
    await server.start()
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as session:
            yield session
    finally:
        await server.stop()


async def test_a_living_process_says_so() -> None:
    async with client() as http, http.get("/healthz") as answer:
        assert answer.status == 200
        assert await answer.json() == {"status": "alive"}


async def test_ready_when_every_check_passes() -> None:
    checks: dict[str, Check] = {"broker": lambda: (True, "connected"), "index": lambda: (True, "5 documents")}
    async with client(checks) as http, http.get("/readyz") as answer:
        assert answer.status == 200
        assert await answer.json() == {"status": "ready", "checks": {"broker": "connected", "index": "5 documents"}}


async def test_not_ready_lists_what_is_missing_until_it_is_there() -> None:
    state = {"ok": False}
    checks: dict[str, Check] = {"broker": lambda: (True, "connected"), "index": lambda: (state["ok"], "recovering")}
    async with client(checks) as http:
        async with http.get("/readyz") as answer:
            assert answer.status == 503
            assert answer.content_type == "application/problem+json"
            assert json.loads(await answer.text()) == {
                "type": "about:blank",
                "title": "Service Unavailable",
                "status": 503,
                "detail": "not ready: index",
                "checks": [{"name": "index", "detail": "recovering"}],
            }
        state["ok"] = True
        async with http.get("/readyz") as answer:
            assert answer.status == 200


async def test_a_check_that_fails_is_not_ready_and_does_not_tell_why(caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> tuple[bool, str]:
        raise RuntimeError("inside story")

    async with client({"broken": broken}) as http, http.get("/readyz") as answer:
        text = await answer.text()
        assert answer.status == 503
    assert "the check itself failed: RuntimeError" in text
    assert "inside story" not in text
    assert "inside story" in caplog.text


async def test_metrics_are_served() -> None:
    metrics = PrometheusMetrics()
    metrics.received("tasks")
    async with client(metrics=metrics) as http, http.get("/metrics") as answer:
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert 'meta_ai_events_received_total{topic="tasks"} 1.0' in await answer.text()


async def test_metrics_that_are_off_are_not_found() -> None:
    async with client() as http, http.get("/metrics") as answer:
        assert answer.status == 404
        assert "METRICS_ENABLED" in json.loads(await answer.text())["detail"]


async def test_metrics_that_fail_are_an_internal_error_without_details(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Metrics):
        def render(self) -> bytes:
            raise RuntimeError("inside story")

    async with client(metrics=Broken()) as http, http.get("/metrics") as answer:
        assert answer.status == 500
        assert "inside story" not in await answer.text()
    assert "inside story" in caplog.text


@pytest.mark.parametrize("path", ["/", "/healthz/", "/nope?q=1", "/healthz%2f"])
async def test_an_unknown_path_is_a_problem(path: str) -> None:
    async with client() as http, http.get(path) as answer:
        assert (answer.status, answer.content_type) == (404, "application/problem+json")
        assert json.loads(await answer.text())["title"] == "Not Found"


async def test_only_reading_is_allowed() -> None:
    async with client() as http:
        async with http.post("/healthz") as answer:
            assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")
        async with http.head("/healthz") as answer:
            assert (answer.status, await answer.read()) == (200, b"")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/nope"])
async def test_every_answer_has_the_security_headers(path: str) -> None:
    async with client() as http, http.get(path) as answer:
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Server"] == "meta-ai"


async def test_it_binds_loopback_only_and_lets_go_of_the_port() -> None:
    server = HealthServer(ANY_PORT, {})
    assert server.port == 0
    await server.start()
    port = server.port
    assert server._runner
    assert server._runner.addresses == [("127.0.0.1", port)]
    await server.stop()
    await server.stop()
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", port))


async def test_a_port_in_use_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError) as caught:
            await HealthServer(ServerSettings(port=port), {}).start()
    assert str(caught.value) == (
        f"server.port: 127.0.0.1:{port} is in use; "
        "set server.port or ORCHESTRATOR_PORT to another port, or to 0 to pick a free one"
    )


async def test_an_address_of_another_machine_is_one_clear_line() -> None:
    server = HealthServer(ServerSettings(bind_address="192.0.2.1", port=0), {})
    with pytest.raises(
        ConfigurationError, match=r"^server\.bind_address: cannot listen on 192\.0\.2\.1:0: .*; set server"
    ):
        await server.start()
    assert server._runner is None


def test_a_privileged_port_is_not_called_in_use() -> None:
    error = HealthServer(ServerSettings(port=80), {})._cannot_listen(PermissionError(errno.EACCES, "Permission denied"))
    assert "127.0.0.1:80: permission denied" in str(error)


async def test_a_missing_package_is_named_by_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    with pytest.raises(MissingDependency, match=r'pip install "meta-ai-orchestrator\[server\]"'):
        await HealthServer(ANY_PORT, {}).start()
