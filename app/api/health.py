"""Liveness, readiness and metrics over HTTP.

GET /healthz   the process is alive: its event loop responds
GET /readyz    every check passes; otherwise 503 and the failed checks
GET /metrics   Prometheus text
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Mapping
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING

from app.api.problem import HttpResponse, encode, problem_response
from app.errors import ConfigurationError, MissingDependency
from app.settings import ServerSettings
from app.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from aiohttp import web

log = logging.getLogger(__name__)

#: Whether a part is ready, and a public sentence about its state.
Check = Callable[[], tuple[bool, str]]

_METHODS = ("GET", "HEAD")
_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Server": "meta-ai",
    "X-Content-Type-Options": "nosniff",
}


class HealthServer:
    """The HTTP server of a worker; without `metrics`, /metrics does not exist."""

    def __init__(self, settings: ServerSettings, checks: Mapping[str, Check], metrics: Metrics | None = None) -> None:
        self._settings = settings
        self._checks = checks
        self._metrics = metrics
        self._pages = {"/healthz": _liveness, "/readyz": self._ready, "/metrics": self._measured}
        self._runner: web.ServerRunner | None = None

    @property
    def port(self) -> int:
        """The listening port; before `start`, the configured one."""
        addresses = self._runner.addresses if self._runner else []
        return int(addresses[0][1]) if addresses else self._settings.port

    async def start(self) -> None:
        """Listen.

        Raises:
            ConfigurationError: the address is in use, or cannot be listened on.
            MissingDependency: aiohttp is not installed.
        """
        try:
            from aiohttp import web  # noqa: PLC0415  # optional
        except ImportError as error:
            raise MissingDependency('pip install "meta-ai-orchestrator[server]"') from error
        self._runner = web.ServerRunner(
            web.Server(partial(self._handle, web.Response), access_log=None), shutdown_timeout=1.0
        )
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._settings.bind_address, self._settings.port).start()
        except OSError as error:
            await self.stop()
            raise self._cannot_listen(error) from error

    async def stop(self) -> None:
        """Close the port and every connection; may be called more than once."""
        runner, self._runner = self._runner, None
        if runner:
            await runner.cleanup()

    async def _handle(self, respond: type[web.Response], request: web.BaseRequest) -> web.Response:
        page = self._page(request.method, request.path)
        headers = {**_HEADERS, **dict(page.headers), "Content-Type": page.content_type}
        return respond(body=page.body, status=page.status, headers=headers)

    def _page(self, method: str, path: str) -> HttpResponse:
        make = self._pages.get(path)
        if make is None:
            return problem_response(HTTPStatus.NOT_FOUND, f"not found; available pages: {', '.join(self._pages)}")
        if method not in _METHODS:
            allowed = ", ".join(_METHODS)
            return problem_response(HTTPStatus.METHOD_NOT_ALLOWED, f"only {allowed} here", (("Allow", allowed),))
        try:
            return make()
        except Exception:
            log.exception("cannot answer %s", path)
            return problem_response(HTTPStatus.INTERNAL_SERVER_ERROR, "see the log")

    def _ready(self) -> HttpResponse:
        states = {name: _state(name, check) for name, check in self._checks.items()}
        missing = [{"name": name, "detail": detail} for name, (ok, detail) in states.items() if not ok]
        if missing:
            names = ", ".join(one["name"] for one in missing)
            return problem_response(HTTPStatus.SERVICE_UNAVAILABLE, f"not ready: {names}", checks=missing)
        return HttpResponse(
            encode({"status": "ready", "checks": {name: detail for name, (_, detail) in states.items()}})
        )

    def _measured(self) -> HttpResponse:
        if self._metrics is None:
            return problem_response(
                HTTPStatus.NOT_FOUND, "metrics are off; set telemetry.metrics or METRICS_ENABLED to true"
            )
        return HttpResponse(self._metrics.render(), _PROMETHEUS)

    def _cannot_listen(self, error: OSError) -> ConfigurationError:
        address, port = self._settings.bind_address, self._settings.port
        if error.errno == errno.EADDRINUSE:
            hint = "set server.port or ORCHESTRATOR_PORT to another port, or to 0 to pick a free one"
            return ConfigurationError(f"server.port: {address}:{port} is in use; {hint}")
        hint = "set server.bind_address or ORCHESTRATOR_BIND_ADDRESS to an address of this machine"
        return ConfigurationError(f"server.bind_address: cannot listen on {address}:{port}: {_reason(error)}; {hint}")


def _liveness() -> HttpResponse:
    return HttpResponse(encode({"status": "alive"}))


def _state(name: str, check: Check) -> tuple[bool, str]:
    try:
        return check()
    except Exception as error:
        log.exception("the readiness check %s failed", name)
        return False, f"the check itself failed: {type(error).__name__}"


def _reason(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()
