"""`/v1/workflows/{workflow}/versions`: what is deployed of a workflow."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import AwareDatetime, BaseModel

from app.admin import deployments
from app.admin.deployments import NotDeployed
from app.gateway.access.admission import Caller
from app.gateway.openapi import refusals
from app.gateway.operations.deploy_routes import Workflow
from app.gateway.parts import Parts
from app.gateway.problems import Refusal
from app.gateway.rest.catalog_routes import require_visible
from app.gateway.rest.pages import Cursor, Limit, page_by_name
from app.security.principal import Principal
from app.workflows.definition.deployment import digest
from topics.definitions import DefinitionEvent


class WorkflowVersion(BaseModel):
    """A version that is deployed; one that is built in has neither time nor actor."""

    version: int
    active: bool
    digest: str
    deployed_at: AwareDatetime | None = None
    actor: str = ""


class WorkflowVersions(BaseModel):
    """Versions of a workflow in their order, and the cursor of the next page."""

    data: list[WorkflowVersion]
    next: str | None = None


def routes(parts: Parts) -> APIRouter:
    """Return the routes."""
    router = APIRouter()

    @router.get("/v1/workflows/{workflow}/versions", responses=refusals(404))
    async def versions(workflow: Workflow, caller: Caller, limit: Limit = 20, cursor: Cursor = "") -> WorkflowVersions:
        """List the versions of a workflow that are deployed."""
        rows = await _versions(parts, caller, workflow)
        page = page_by_name(rows, lambda row: f"{row.version:020}", cursor, limit)
        return WorkflowVersions(data=list(page.rows), next=page.next)

    @router.get("/v1/workflows/{workflow}/versions/{version}", responses=refusals(404))
    async def one_version(workflow: Workflow, version: Annotated[int, Path(ge=1)], caller: Caller) -> dict[str, Any]:
        """Return a version of a workflow, as it was deployed."""
        parts.catalog.require_read()
        await parts.catalog.read_all()
        require_visible(parts, caller, workflow)
        if (spec := parts.catalog.spec(workflow, version)) is None:
            known = ", ".join(map(str, parts.catalog.versions(workflow)))
            text = f"the workflow {workflow} has no version {version}; deployed versions: {known}"
            raise Refusal(HTTPStatus.NOT_FOUND, "unknown_version", text)
        return dict(spec)

    return router


async def _versions(parts: Parts, caller: Principal, workflow: str) -> list[WorkflowVersion]:
    parts.catalog.require_read()
    await parts.catalog.read_all()
    require_visible(parts, caller, workflow)
    deployed = await deployments.read(parts.client)
    try:
        events = deployed.of(workflow).values()
    except NotDeployed:
        return [WorkflowVersion(version=1, active=True, digest=digest(dict(parts.catalog.workflows[workflow])))]
    return [_version(event, deployed.numbers.get(workflow)) for event in events]


def _version(event: DefinitionEvent, active: int | None) -> WorkflowVersion:
    return WorkflowVersion(
        version=event.version,
        active=event.version == active,
        digest=digest(event.spec or {}),
        deployed_at=event.at,
        actor=event.actor,
    )
