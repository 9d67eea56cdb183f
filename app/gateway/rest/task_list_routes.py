"""`GET /v1/tasks`: list tasks."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel

from app.errors import InvalidEvent
from app.gateway.access.admission import Caller
from app.gateway.openapi import refusals
from app.gateway.parts import Parts
from app.gateway.rest.pages import LOOKED_AT, Cursor, Filter, Limit, newest_page
from app.security.principal import Principal
from topics import TASKS
from topics.tasks import task_id


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
        parts.log.require_read()

        take = task_filter(parts, caller, workflow=workflow, tenant=tenant, ended=ended, children=children)
        page = await newest_page(parts.client, TASKS, cursor, limit, take)
        return TaskPage(data=[await _row(parts, found) for found in page.rows], next=page.next)

    return router


@dataclass(frozen=True, slots=True)
class FoundTask:
    """What the list tells of a task; its input is not kept."""

    id: str
    workflow: str
    tenant: str
    parent: str
    metadata: dict[str, str]
    at: float


def task_filter(
    parts: Parts, caller: Principal, *, workflow: str | None, tenant: str | None, ended: bool | None, children: bool
) -> Callable[[Any], FoundTask | None]:
    """Return what makes a task of a record of `tasks` if it is wanted, and no repetition."""

    def take(record: Any) -> FoundTask | None:
        found = _found(record, parts.settings.topics.max_message_bytes)
        matches = (
            found is not None
            and caller.may_see(found.tenant)
            and workflow in {None, found.workflow}
            and tenant in {None, found.tenant}
            and (children or not found.parent)
            and ended in {None, parts.log.has_ended(found.id)}
            and not parts.log.is_repetition(found.id, record.offset)
        )
        return found if matches else None

    return take


def _found(record: Any, max_bytes: int) -> FoundTask | None:
    with suppress(InvalidEvent):
        task = TASKS.parse(record.value, max_bytes=max_bytes)
        parent = task.parent.task_id if task.parent else ""
        own = task_id(task, record)
        return FoundTask(own, task.workflow, task.tenant, parent, task.metadata, record.timestamp / 1000)
    return None


async def _row(parts: Parts, found: FoundTask) -> TaskRow:
    result = await parts.log.result(found.id)
    return TaskRow(
        id=found.id,
        workflow=found.workflow,
        status=result.status if result else "accepted",
        tenant=found.tenant,
        parent=found.parent,
        metadata=found.metadata,
        accepted_at=datetime.fromtimestamp(found.at, UTC),
    )
