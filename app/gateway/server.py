"""Serve the gateway in this process, beside whatever else runs in its event loop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI

from app.brokers.base import Connection
from app.brokers.topics import ensure_topics
from app.client.client import attach
from app.delivery.kafka.header_names import accept_invalid_header_names
from app.errors import ConfigurationError
from app.gateway.access.audit_trail import AuditTrail
from app.gateway.access.authentication import Authentication
from app.gateway.access.jwks import Jwks
from app.gateway.answers.model_names import check_panels
from app.gateway.application import build
from app.gateway.batches.batch_log import BatchLog
from app.gateway.batches.batch_runner import BatchRunner
from app.gateway.files.file_store import FileStore
from app.gateway.parts import Parts
from app.gateway.transport.protocol import bounded
from app.gateway.transport.tls import ServerTls
from app.gateway.views.answer_feed import AnswerFeed
from app.gateway.views.catalog import Catalog
from app.gateway.views.key_directory import KeyDirectory
from app.gateway.views.task_lag import TaskLag
from app.gateway.views.task_log import TaskLog
from app.security.oidc import TokenVerifier
from app.security.permissions import Roles
from app.security.policies import Policies
from app.settings import GatewaySettings, Settings
from app.workflows.definition.builtin import workflows

log = logging.getLogger(__name__)

SOURCE = "/meta-ai/gateway"
_BACKLOG = 2048
#: How long answers may take that are under way when it stops; those that wait for a result are given at once.
_STOP_SECONDS = 5
#: How often it is looked whether all is read.
_LOOK_SECONDS = 0.02


class Server(uvicorn.Server):
    """uvicorn, which leaves the signals to whoever hosts it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


@asynccontextmanager
async def serve_gateway(
    settings: Settings, connection: Connection, ready: asyncio.Event | None = None
) -> AsyncIterator[str]:
    """Serve while the context lasts; yields the host:port. `ready` is set once it has read the topics.

    Raises:
        BrokerError: the broker cannot be reached, or its topics differ from the settings.
        ConfigurationError: the port is in use, or the settings of its security or of a panel are wrong.
    """
    check_panels(settings)
    listening = _listen(settings.gateway)
    with contextlib.closing(listening):
        accept_invalid_header_names()
        await ensure_topics(connection, settings.topics)
        if not settings.gateway.secured:
            log.warning("the gateway asks for no credentials: every program on this machine may use it for anything")
        async with (
            _started(settings, connection) as parts,
            _application(parts) as app,
            _serving(app, settings.gateway, listening),
        ):
            telling = asyncio.create_task(_tell(parts, ready)) if ready else None
            try:
                yield _address(listening)
            finally:
                if telling:
                    telling.cancel()
                parts.log.release()


async def _tell(parts: Parts, ready: asyncio.Event) -> None:
    while parts.unread():  # noqa: ASYNC110  # each view reads for itself, and none tells the others
        await asyncio.sleep(_LOOK_SECONDS)
    ready.set()


@asynccontextmanager
async def _started(settings: Settings, connection: Connection) -> AsyncIterator[Parts]:
    built_in = {one.id: one.model_dump(mode="json", by_alias=True) for one in workflows(settings)}
    policies = Policies(settings.gateway.security.policies)
    async with attach(settings, connection, source=SOURCE) as client:
        log, catalog, feed = TaskLog(client), Catalog(client, built_in), AnswerFeed(client)
        lag, keys = TaskLag(client, log, settings.gateway.max_lag), KeyDirectory(client)
        files, batches = FileStore(client), BatchLog(client)
        parts = Parts(
            settings=settings,
            client=client,
            log=log,
            catalog=catalog,
            feed=feed,
            files=files,
            batches=batches,
            keys=keys,
            lag=lag,
            policies=policies,
        )
        async with AsyncExitStack() as stack:
            for view in (log, catalog, feed, lag, keys, files, batches, BatchRunner(parts)):
                await stack.enter_async_context(view.running())
            yield parts


@asynccontextmanager
async def _application(parts: Parts) -> AsyncIterator[FastAPI]:
    security = parts.settings.gateway.security
    roles, trail = Roles(security.roles), AuditTrail(parts.client, time.monotonic)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(trail.finish)
        tokens = None
        if security.oidc:
            issuer = await stack.enter_async_context(Jwks(security.oidc))
            tokens = TokenVerifier(security.oidc, roles, issuer, time.time)
        authenticate = Authentication(parts.keys, roles, tokens, failures_per_minute=security.failures_per_minute)
        app = build(parts, roles, trail, authenticate if parts.settings.gateway.secured else None)
        stack.push_async_callback(app.state.mcp.close)
        yield app


@asynccontextmanager
async def _serving(app: Any, settings: GatewaySettings, listening: socket.socket) -> AsyncIterator[None]:
    tls = ServerTls(settings.tls) if settings.tls else None
    config = uvicorn.Config(
        app,
        http=bounded(settings.max_connections),
        ssl_context_factory=(lambda *_: tls.context) if tls else None,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=_STOP_SECONDS,
    )
    server = Server(config)
    serving = asyncio.create_task(server.serve([listening]))
    following = asyncio.create_task(tls.follow()) if tls else None
    try:
        yield
    finally:
        if following:
            following.cancel()
        server.should_exit = True
        await serving


def _listen(settings: GatewaySettings) -> socket.socket:
    address, port = settings.bind_address, settings.port
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((address, port))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            hint = "set gateway.port or ORCHESTRATOR_GATEWAY_PORT to another port, or to 0 to pick a free one"
            raise ConfigurationError(f"gateway.port: {address}:{port} is in use; {hint}") from error
        reason = (error.strerror or type(error).__name__).lower()
        raise ConfigurationError(f"gateway.bind_address: cannot listen on {address}:{port}: {reason}") from error
    listening.setblocking(False)  # noqa: FBT003  # the standard library's signature
    return listening


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
