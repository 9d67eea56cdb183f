"""`/v1/workflows`: check, compare, deploy and roll back workflows."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from app.admin import deployments, publishing
from app.admin.workflow_names import known_names
from app.errors import ConfigurationError
from app.gateway.access.admission import Caller
from app.gateway.access.rights import require_unlimited
from app.gateway.openapi import WITH_BODY, refusals
from app.gateway.parts import Parts
from app.gateway.problems import Refusal
from app.gateway.rest.catalog_routes import require_visible
from app.security.principal import Principal
from app.source.problems import Problem, SourceError, dotted
from app.workflows.definition.deployment import Change, plan
from app.workflows.definition.loading import Loaded, load_bytes

#: How errors call what was sent.
_SOURCE = "workflow"
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "a workflow, in the form of a workflow file; it can name no files",
        "content": {
            "application/json": {"schema": {"type": "object"}},
            "application/yaml": {"schema": {"type": "string"}},
        },
    }
}
DryRun = Annotated[bool, Query(description="only tell what would change")]
Workflow = Annotated[str, Path(max_length=200)]


class Finding(BaseModel):
    """What is wrong, or looks wrong, at a key of a workflow, and how to fix it; `line` counts from 1."""

    at: str
    line: int | None = None
    message: str


class CheckedWorkflow(BaseModel):
    """What a check has found: a workflow with only warnings can be deployed."""

    valid: bool
    problems: list[Finding]
    warnings: list[Finding]


class WorkflowChange(BaseModel):
    """What a deployment changes: `version` is the one that new runs take then, `before` the one that they took.

    `diff` is the unified diff between both, as YAML.
    """

    workflow: str
    change: Literal["new", "version", "activate", "unchanged"]
    before: int | None
    version: int
    digest: str
    diff: str
    dry_run: bool
    warnings: list[Finding] = Field(default_factory=list)


class RollbackRequest(BaseModel):
    """The version to make active; by default the one that was active before."""

    model_config = ConfigDict(extra="forbid")

    to: int | None = Field(default=None, ge=1)


def routes(parts: Parts) -> APIRouter:
    """Return the routes."""
    router = APIRouter()

    @router.post("/v1/workflows/validate", responses=refusals(*WITH_BODY), openapi_extra=_BODY)
    async def validate(request: Request) -> CheckedWorkflow:
        """Check a workflow, as `meta-ai workflows check` does."""
        parts.catalog.require_read()
        await parts.catalog.read_all()
        try:
            loaded = await _load(parts, request, parts.catalog.workflows)
        except SourceError as error:
            return CheckedWorkflow(valid=False, problems=_findings(error.problems), warnings=[])
        return CheckedWorkflow(valid=True, problems=[], warnings=_findings(loaded.warnings))

    @router.post("/v1/workflows/diff", responses=refusals(409, *WITH_BODY), openapi_extra=_BODY)
    async def diff(request: Request, caller: Caller) -> WorkflowChange:
        """Tell what a deployment would change."""
        return await _deploy(parts, request, caller, dry_run=True)

    @router.post("/v1/workflows", responses=refusals(409, *WITH_BODY), openapi_extra=_BODY)
    async def deploy(request: Request, caller: Caller, *, dry_run: DryRun = False) -> WorkflowChange:
        """Deploy a workflow: new content becomes a new version, which new runs take; running runs finish on theirs."""
        return await _deploy(parts, request, caller, dry_run=dry_run)

    @router.post("/v1/workflows/{workflow}/rollback", responses=refusals(404, 409, *WITH_BODY))
    async def roll_back(
        workflow: Workflow, asked: RollbackRequest, caller: Caller, *, dry_run: DryRun = False
    ) -> WorkflowChange:
        """Make an earlier version active again; done twice, it goes back two versions."""
        require_unlimited(caller)
        parts.catalog.require_read()
        try:
            change = await publishing.roll_back(parts.client, workflow, asked.to, caller.id, dry_run=dry_run)
        except ConfigurationError as error:
            require_visible(parts, caller, workflow)
            raise Refusal(HTTPStatus.CONFLICT, "version_conflict", str(error)) from None
        await parts.catalog.read_all()
        return _change(change, dry_run=dry_run)

    return router


async def _load(parts: Parts, request: Request, deployed: Iterable[str]) -> Loaded:
    """Return the workflow that was sent.

    Raises:
        SourceError: it is invalid.
    """
    body, json = await request.body(), "yaml" not in request.headers.get("content-type", "")
    known = frozenset(deployed)

    def load() -> Loaded:  # in a thread: it compiles templates, and the first time imports adapters
        return load_bytes(body, _SOURCE, known_names(parts.settings, known), json=json)

    return await asyncio.to_thread(load)


async def _deploy(parts: Parts, request: Request, caller: Principal, *, dry_run: bool) -> WorkflowChange:
    require_unlimited(caller)
    parts.catalog.require_read()
    deployed = await deployments.read(parts.client)
    try:
        loaded = await _load(parts, request, {name for name, _ in deployed.versions})
    except SourceError as error:
        raise _invalid(error) from None
    try:
        (change,) = plan([loaded.spec], deployed.specs, deployed.numbers)
        if not dry_run:
            await publishing.publish(parts.client, [change], caller.id)
    except ConfigurationError as error:
        raise Refusal(HTTPStatus.CONFLICT, "version_conflict", str(error)) from None
    await parts.catalog.read_all()
    return _change(change, dry_run=dry_run, warnings=loaded.warnings)


def _change(change: Change, *, dry_run: bool, warnings: Iterable[Problem] = ()) -> WorkflowChange:
    return WorkflowChange(
        workflow=change.workflow,
        change=change.kind,
        before=change.before.number if change.before else None,
        version=change.after.number,
        digest=change.after.digest,
        diff=change.diff,
        dry_run=dry_run,
        warnings=_findings(warnings),
    )


def _findings(problems: Iterable[Problem]) -> list[Finding]:
    return [_finding(problem) for problem in problems]


def _finding(problem: Problem) -> Finding:
    line = problem.place.rpartition(":")[2]
    return Finding(at=dotted(problem.key), line=int(line) if line.isdecimal() else None, message=problem.text)


def _invalid(error: SourceError) -> Refusal:
    refusal = Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_workflow", str(error))
    refusal.members = {"errors": [one.model_dump(exclude_none=True) for one in _findings(error.problems)]}
    return refusal
