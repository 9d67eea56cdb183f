"""`GET /v1/runs`: list runs with what they took."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel

from app.gateway.access.admission import Caller
from app.gateway.openapi import refusals
from app.gateway.parts import Parts
from app.gateway.rest.pages import LOOKED_AT, Cursor, Filter, Limit, newest_page
from app.gateway.rest.task_list_routes import Children, FoundTask, task_filter
from topics import TASKS
from topics.results import Result

Status = Literal["running", "succeeded", "failed", "cancelled"]


class RunSummary(BaseModel):
    """A run: `seconds` are those from its acceptance to its end, `cost` is in US dollars, `error` a code.

    A running run has none of them yet. `parent` is the run that has started it.
    """

    id: str
    workflow: str
    version: int | None = None
    status: Status
    tenant: str
    parent: str
    accepted_at: AwareDatetime
    seconds: float | None = None
    tokens: int | None = None
    cost: float | None = None
    degraded: bool | None = None
    error: str | None = None


class RunPage(BaseModel):
    """Runs, newest first, and the cursor of the next page, if there may be more."""

    data: list[RunSummary]
    next: str | None = None


def routes(parts: Parts) -> APIRouter:
    """Return the route."""
    router = APIRouter()

    @router.get(
        "/v1/runs",
        responses=refusals(),
        description=f"List runs, newest first. A page looks at {LOOKED_AT} tasks at most, so it may be short.",
    )
    async def runs(  # one for each parameter
        caller: Caller,
        *,
        workflow: Filter = None,
        tenant: Filter = None,
        status: Status | None = None,
        children: Children = True,
        limit: Limit = 20,
        cursor: Cursor = "",
    ) -> RunPage:
        parts.log.require_read()
        ended = None if status is None else status != "running"
        take = task_filter(parts, caller, workflow=workflow, tenant=tenant, ended=ended, children=children)
        page = await newest_page(parts.client, TASKS, cursor, limit, take)
        rows = [_row(found, await parts.log.result(found.id)) for found in page.rows]
        return RunPage(data=[row for row in rows if status in {None, row.status}], next=page.next)

    return router


def _row(found: FoundTask, result: Result | None) -> RunSummary:
    row = RunSummary(
        id=found.id,
        workflow=found.workflow,
        status="running",
        tenant=found.tenant,
        parent=found.parent,
        accepted_at=datetime.fromtimestamp(found.at, UTC),
    )
    if result is None:
        return row
    ended = {
        "version": result.workflow_version,
        "status": result.status,
        "seconds": (result.finished_at - result.accepted_at).total_seconds(),
        "tokens": result.usage.input_tokens + result.usage.output_tokens,
        "cost": result.usage.cost,
        "degraded": result.degraded,
        "error": result.error.code if result.error else None,
    }
    return row.model_copy(update=ended)
