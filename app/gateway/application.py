"""The ASGI application: the routes, and what holds for all of them."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from app.gateway.anthropic import message_routes, token_count_routes
from app.gateway.error_responses import as_response, install
from app.gateway.guard import Guard
from app.gateway.openai import chat_routes, embedding_routes
from app.gateway.parts import Parts
from app.gateway.problems import Refusal
from app.gateway.rest import (
    catalog_routes,
    control_routes,
    event_routes,
    run_routes,
    task_list_routes,
    task_routes,
)

_TASKS = (task_list_routes, task_routes, event_routes, control_routes, run_routes)
_MESSAGES = (message_routes, token_count_routes)
#: The version of the API: within it, only optional things are added.
VERSION = "1"


def build(parts: Parts) -> FastAPI:
    """Return the application."""
    app = FastAPI(
        title="Meta AI Orchestrator", version=VERSION, openapi_url="/v1/openapi.json", docs_url=None, redoc_url=None
    )
    install(app)
    app.add_middleware(Guard, max_bytes=parts.settings.delivery.max_event_bytes, refuse=_refuse)
    for module in (*_TASKS, catalog_routes, chat_routes, embedding_routes, *_MESSAGES):
        app.include_router(module.routes(parts))

    @app.get("/v1/health")
    async def health() -> dict[str, str]:
        """Tell whether the gateway has read the topics, so that it knows all tasks and workflows."""
        log, catalog, feed = parts.log.caught_up, parts.catalog.caught_up, parts.feed.caught_up
        reading = [name for name, done in (("tasks", log), ("workflows", catalog), ("answers", feed)) if not done]
        if reading:
            raise Refusal.unavailable("starting", f"the gateway is still reading: {', '.join(reading)}")
        return {"status": "ready"}

    return app


async def _refuse(refusal: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
    await as_response(refusal, scope["path"], scope["state"]["request_id"])(scope, receive, send)
