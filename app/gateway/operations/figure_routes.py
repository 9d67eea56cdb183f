"""`/v1/metrics/query`: how workflows, steps and models do, and what waits."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel

from app.admin import consumer_group
from app.admin.figures import TOPICS, FigureRow, Figures, GroupBy
from app.gateway.openapi import refusals
from app.gateway.operations.windows import Place, Window, require_readable
from app.gateway.parts import Parts
from app.gateway.rest.pages import Cursor, Limit
from app.runs.views import utc_time

_HOUR = 3600.0


class Queue(BaseModel):
    """A topic that workers read: `waiting` are its events that are not finished, those in progress included."""

    topic: str
    waiting: int


class FigureReport(BaseModel):
    """The figures of a window, the most active first; `queues` are as of now. `next` is the cursor of the next page."""

    by: GroupBy
    since: AwareDatetime | None
    until: AwareDatetime | None
    data: list[FigureRow]
    queues: list[Queue]
    next: str | None = None


def routes(parts: Parts) -> APIRouter:
    """Return the route."""
    router = APIRouter()

    @router.get("/v1/metrics/query", responses=refusals())
    async def query(
        by: GroupBy = "workflow", window: Window = _HOUR, limit: Limit = 20, cursor: Cursor = ""
    ) -> FigureReport:
        """Tell rate, latency, errors and cost of each workflow, step or model over a window, and what waits."""
        place, figures = Place.of(window, cursor), Figures(by)
        async with parts.scanning():
            await require_readable(parts, place.since, TOPICS[by])
            await figures.read(parts.client, place.since, place.until)
            waiting = await consumer_group.progress(parts.client)
        rows = figures.rows(max(place.until - place.since, 1.0))
        return FigureReport(
            by=by,
            since=utc_time(place.since),
            until=utc_time(place.until),
            data=rows[place.skip : place.skip + limit],
            queues=[Queue(topic=one.topic, waiting=one.waiting) for one in waiting],
            next=place.next(limit, len(rows)),
        )

    return router
