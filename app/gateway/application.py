"""The ASGI application: the routes, and what holds for all of them."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from app.gateway import api_document
from app.gateway.access.admission import Admission, Authenticate
from app.gateway.access.audit_trail import AuditTrail
from app.gateway.access.route_permissions import RoutePermissions
from app.gateway.anthropic import message_routes, token_count_routes
from app.gateway.batches import batch_routes
from app.gateway.error_responses import as_response, install
from app.gateway.files import file_routes
from app.gateway.guard import Guard
from app.gateway.mcp.endpoint import PATH, McpEndpoint
from app.gateway.openai import chat_routes, embedding_routes
from app.gateway.openapi import refusals
from app.gateway.operations import (
    audit_routes,
    configuration_routes,
    dead_letter_routes,
    deploy_routes,
    document_routes,
    feedback_routes,
    figure_routes,
    money_routes,
    source_routes,
    version_routes,
)
from app.gateway.parts import Parts
from app.gateway.problems import Refusal
from app.gateway.rest import (
    catalog_routes,
    control_routes,
    event_routes,
    key_routes,
    run_list_routes,
    run_routes,
    task_batch_routes,
    task_list_routes,
    task_routes,
)
from app.gateway.transport.senders import Senders
from app.security.permissions import Roles

#: What pages of the origins in the settings may send and see, besides what every page may; SDKs send many headers.
_CORS: dict[str, Any] = {
    "allow_methods": ("DELETE", "GET", "PATCH", "POST", "PUT"),
    "allow_headers": ("*",),
    "expose_headers": (
        "Location",
        "Mcp-Session-Id",
        "RateLimit",
        "RateLimit-Policy",
        "Retry-After",
        "X-Meta-AI-Cost",
        "X-Meta-AI-Degraded",
        "X-Meta-AI-Run-Id",
        "X-Request-Id",
    ),
}
_TASKS = (
    task_list_routes,
    task_batch_routes,
    task_routes,
    event_routes,
    control_routes,
    run_list_routes,
    run_routes,
    key_routes,
)
_MESSAGES = (message_routes, token_count_routes)
_OPERATIONS = (
    audit_routes,
    deploy_routes,
    version_routes,
    document_routes,
    dead_letter_routes,
    money_routes,
    source_routes,
    feedback_routes,
    configuration_routes,
    figure_routes,
)
_FILES = (file_routes, batch_routes)
#: The paths whose bodies are read piece by piece, with their media types.
STREAMED = {one.PATH: one.MEDIA_TYPES for one in (task_batch_routes, file_routes)}
#: The version of the API: within it, only optional things are added.
VERSION = "1"


def build(parts: Parts, roles: Roles, trail: AuditTrail, authenticate: Authenticate | None = None) -> FastAPI:
    """Return the application; without `authenticate`, whoever reaches it may do all."""
    app = FastAPI(
        title="Meta AI Orchestrator", version=VERSION, openapi_url="/v1/openapi.json", docs_url=None, redoc_url=None
    )
    install(app, trail)
    api_document.install(app)
    for module in (*_TASKS, *_OPERATIONS, catalog_routes, chat_routes, embedding_routes, *_MESSAGES, *_FILES):
        app.include_router(module.routes(parts))

    app.state.mcp = McpEndpoint(parts)
    app.router.routes.append(Route(PATH, app.state.mcp, methods=["POST"]))

    @app.get("/v1/health", responses=refusals())
    async def health() -> dict[str, str]:
        """Tell whether the gateway has read the topics, so that it knows all tasks and workflows."""
        if reading := parts.unread():
            raise Refusal.unavailable("starting", f"the gateway is still reading: {', '.join(reading)}")
        return {"status": "ready"}

    app.add_middleware(
        Guard,
        max_bytes=parts.settings.delivery.max_event_bytes,
        refuse=_refuse,
        admit=Admission(RoutePermissions(app.routes), roles, trail, authenticate),
        check_sender=Senders(parts.settings.gateway).check,
        streamed=STREAMED,
    )
    if origins := parts.settings.gateway.cors.origins:
        app.add_middleware(CORSMiddleware, allow_origins=origins, **_CORS)
    return app


async def _refuse(refusal: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
    await as_response(refusal, scope["path"], scope["state"]["request_id"])(scope, receive, send)
