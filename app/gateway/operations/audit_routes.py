"""`GET /v1/audit`: who did what."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel

from app.admin.audit_events import Selection
from app.gateway.openapi import refusals
from app.gateway.operations.windows import epoch
from app.gateway.parts import Parts
from app.gateway.rest.pages import LOOKED_AT, Cursor, Filter, Limit, newest_page
from topics import AUDIT
from topics.audit import AuditEvent

Action = Annotated[
    str | None, Query(max_length=200, description="an action such as workflow.deployed, or all of a group: workflow")
]
Moment = Annotated[AwareDatetime | None, Query(description="of what was done")]


class AuditPage(BaseModel):
    """What was done, newest first, and the cursor of the next page, if there may be more."""

    data: list[AuditEvent]
    next: str | None = None


def routes(parts: Parts) -> APIRouter:
    """Return the route."""
    router = APIRouter()

    @router.get(
        "/v1/audit",
        responses=refusals(),
        description=f"List who did what, newest first. A page looks at {LOOKED_AT} events at most, so it may be short.",
    )
    async def audit(  # one for each filter
        *,
        actor: Filter = None,
        action: Action = None,
        subject: Filter = None,
        since: Moment = None,
        until: Moment = None,
        limit: Limit = 20,
        cursor: Cursor = "",
    ) -> AuditPage:
        wanted = Selection(actor, action, subject, epoch(since), epoch(until))

        def take(record: Any) -> AuditEvent | None:
            event = AUDIT.event_in(record)
            return event if event and wanted.matches(event) else None

        page = await newest_page(parts.client, AUDIT, cursor, limit, take)
        return AuditPage(data=list(page.rows), next=page.next)

    return router
