"""`/v1/runs/{id}`: what a run has done, step by step."""

from __future__ import annotations

import time
from http import HTTPStatus

from fastapi import APIRouter

from app.gateway.access.admission import Caller
from app.gateway.openapi import refusals
from app.gateway.parts import Parts
from app.gateway.problems import Refusal
from app.runs import history_reader
from app.runs.history import RunHistory
from app.runs.run_view import build_run_view
from app.runs.views import RunView


def routes(parts: Parts) -> APIRouter:
    """Return the route."""
    router = APIRouter()

    @router.get("/v1/runs/{task_id}", response_model_exclude_none=True, responses=refusals(404))
    async def run(task_id: str, caller: Caller) -> RunView:
        """Return the steps of a run with their attempts, and its result or what is awaited."""
        parts.log.require_read()
        task = await parts.log.task(task_id)
        found = await history_reader.read(parts.client, task_id, since=task.at if task else None)
        if not (found.known and caller.may_see(_tenant(found))):
            text = "there is no such run, or it is older than topics.retention; GET /v1/tasks lists the tasks"
            raise Refusal(HTTPStatus.NOT_FOUND, "unknown_run", text)
        return build_run_view(found, time.time())

    return router


def _tenant(found: RunHistory) -> str:
    """Return whose a run is: what the run itself goes by, or else its task."""
    if found.run:
        return found.run.task.tenant
    if found.result:
        return found.result.event.tenant or ""
    return found.task.event.tenant if found.task else ""
