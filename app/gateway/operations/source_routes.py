"""`/v1/sources`: where documents are synced from."""

from __future__ import annotations

from http import HTTPStatus
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from app.admin import source_sync
from app.admin.source_sync import ListedSource
from app.gateway.access.admission import Caller
from app.gateway.openapi import WITH_BODY, refusals
from app.gateway.parts import Parts
from app.gateway.problems import Refusal
from app.gateway.rest.pages import Cursor, Limit, page_by_name
from app.suggestions import did_you_mean
from topics.documents import LONGEST_ACTOR
from topics.sources import SourceState


class SourceList(BaseModel):
    """Configured sources by name, and the cursor of the next page."""

    data: list[ListedSource]
    next: str | None = None


class SyncOptions(BaseModel):
    """How a source is synced: a `dry_run` only counts, and a `full` sync begins at the start of the source."""

    model_config = ConfigDict(extra="forbid")

    dry_run: bool = False
    full: bool = False


class RequestedSync(BaseModel):
    """A sync that was asked for; `GET` of `state` tells how far it is, once it has begun."""

    source: str
    sync: str
    status: Literal["pending"] = "pending"
    state: str


def routes(parts: Parts) -> APIRouter:
    """Return the routes."""
    router = APIRouter()

    @router.get("/v1/sources", responses=refusals())
    async def sources(caller: Caller, limit: Limit = 20, cursor: Cursor = "") -> SourceList:  # noqa: ARG001  # admitted
        """List the configured sources, and when each was synced."""
        async with parts.scanning():
            found = await source_sync.read_all(parts.client, parts.settings.sources)
        page = page_by_name(found, lambda one: one.name, cursor, limit)
        return SourceList(data=list(page.rows), next=page.next)

    @router.get("/v1/sources/{source}/sync", responses=refusals(404))
    async def state(source: str, caller: Caller, *, dry_run: bool = False) -> SourceState:  # noqa: ARG001  # likewise
        """Tell how the last sync of a source went, or how far it is."""
        _require_known(parts, source)
        async with parts.scanning():
            found = await source_sync.read_state(parts.client, source, dry_run=dry_run)
        if found is None:
            text = f"{source} was never synced; POST to this address begins a sync"
            raise Refusal(HTTPStatus.NOT_FOUND, "unknown_sync", text)
        return found

    @router.post("/v1/sources/{source}/sync", status_code=HTTPStatus.ACCEPTED, responses=refusals(404, *WITH_BODY))
    async def sync(source: str, caller: Caller, asked: SyncOptions) -> RequestedSync:
        """Have a source synced: what is new is added, what has changed replaced, and what is gone deleted."""
        _require_known(parts, source)
        request = await source_sync.begin(
            parts.client, source, dry_run=asked.dry_run, full=asked.full, actor=caller.id[:LONGEST_ACTOR]
        )
        state_of = f"/v1/sources/{source}/sync"
        return RequestedSync(
            source=source, sync=request.id, state=f"{state_of}?dry_run=true" if asked.dry_run else state_of
        )

    return router


def _require_known(parts: Parts, source: str) -> None:
    known = parts.settings.sources
    if source not in known:
        text = f"no source is called {source[:100]}; {did_you_mean(source, known)}"
        raise Refusal(HTTPStatus.NOT_FOUND, "unknown_source", text)
