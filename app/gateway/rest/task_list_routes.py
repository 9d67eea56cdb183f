"""`GET /v1/tasks`: list tasks."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel

from app.gateway.access.admission import Caller
from app.gateway.openapi import refusals
from app.gateway.parts import Parts
from app.gateway.problems import Refusal
from app.gateway.rest.known_tasks import require_ready
from app.gateway.rest.task_pages import LOOKED_AT, FoundTask, InvalidCursor, read_page

MOST_TASKS = 100


class TaskRow(BaseModel):
    """A task: `status` is `accepted` until it has a result; `parent` is the task whose run has started it."""

    id: str
    workflow: str
    status: Literal["accepted", "succeeded", "failed", "cancelled"]
    tenant: str = ""
    parent: str = ""
    metadata: dict[str, str]
    accepted_at: AwareDatetime


class TaskPage(BaseModel):
    """Tasks, newest first, and the cursor of the next page, if there may be more."""

    data: list[TaskRow]
    next: str | None = None


Filter = Annotated[str | None, Query(max_length=100)]
Cursor = Annotated[str, Query(description="`next` of the page before")]
Limit = Annotated[int, Query(ge=1, le=MOST_TASKS)]
Children = Annotated[bool, Query(description="those too that runs have started")]


def routes(parts: Parts) -> APIRouter:
    """Return the route."""
    router = APIRouter()

    @router.get(
        "/v1/tasks",
        responses=refusals(),
        description=f"List tasks, newest first. A page looks at {LOOKED_AT} tasks at most, so it may be short.",
    )
    async def tasks(
        *,
        caller: Caller,
        workflow: Filter = None,
        tenant: Filter = None,
        ended: bool | None = None,
        children: Children = False,
        limit: Limit = 20,
        cursor: Cursor = "",
    ) -> TaskPage:
        require_ready(parts.log)

        def wanted(found: FoundTask) -> bool:
            task = found.task
            return (
                caller.may_see(task.tenant)
                and workflow in {None, task.workflow}
                and tenant in {None, task.tenant}
                and (children or task.parent is None)
                and ended in {None, parts.log.has_ended(found.id)}
                and not parts.log.is_repetition(found.id, found.offset)
            )

        try:
            page = await read_page(parts.client, cursor, limit, wanted)
        except InvalidCursor:
            text = "query.cursor: must be the `next` of a page before"
            raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", text) from None
        return TaskPage(data=[await _row(parts, found) for found in page.tasks], next=page.next or None)

    return router


async def _row(parts: Parts, found: FoundTask) -> TaskRow:
    result, task = await parts.log.result(found.id), found.task
    return TaskRow(
        id=found.id,
        workflow=task.workflow,
        status=result.status if result else "accepted",
        tenant=task.tenant,
        parent=task.parent.task_id if task.parent else "",
        metadata=task.metadata,
        accepted_at=datetime.fromtimestamp(found.at, UTC),
    )
