"""The ASGI application: the routes, and what holds for all of them."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from app.gateway import problems
from app.gateway.catalog import Catalog
from app.gateway.guard import Guard
from app.gateway.problems import Refusal
from app.gateway.task_log import TaskLog
from app.gateway.task_routes import routes as task_routes
from app.settings import Settings

#: The version of the API: within it, only optional things are added.
VERSION = "1"


def build(settings: Settings, log: TaskLog, catalog: Catalog) -> FastAPI:
    """Return the application."""
    app = FastAPI(
        title="Meta AI Orchestrator", version=VERSION, openapi_url="/v1/openapi.json", docs_url=None, redoc_url=None
    )
    problems.install(app)
    max_bytes = settings.delivery.max_event_bytes
    app.add_middleware(Guard, max_bytes=max_bytes, refuse=_refuse)
    app.include_router(task_routes(log, catalog, max_bytes=max_bytes))

    @app.get("/v1/health")
    async def health() -> dict[str, str]:
        """Tell whether the gateway has read the topics, so that it knows all tasks and workflows."""
        reading = [name for name, part in (("tasks", log), ("workflows", catalog)) if not part.caught_up]
        if reading:
            raise Refusal.unavailable("starting", f"the gateway is still reading: {', '.join(reading)}")
        return {"status": "ready"}

    return app


async def _refuse(refusal: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
    await problems.as_response(refusal, scope["state"]["request_id"])(scope, receive, send)
