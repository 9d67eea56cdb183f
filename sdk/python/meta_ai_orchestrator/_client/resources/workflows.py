"""`client.workflows`: see, check, deploy and roll back workflows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meta_ai_orchestrator._client.actions import Emits, Response
from meta_ai_orchestrator._client.calls import JSON, YAML, Call, M, encoded, path, post
from meta_ai_orchestrator._client.endpoints import Endpoint, Listed, Mode, Resource
from meta_ai_orchestrator._client.errors import UsageError
from meta_ai_orchestrator.types import CheckedWorkflow, WorkflowChange, WorkflowSummary, WorkflowVersion


class Workflows(Resource[Mode]):
    """Workflows. One that you give is YAML, a mapping, or a `Flow` or `Workflow` of the builder."""

    @Listed
    def list(self, *, limit: int | None = None) -> Emits[WorkflowSummary]:
        """List the deployed workflows, with the JSON Schema of their input."""
        return self._core.pages("/v1/workflows", WorkflowSummary, {"limit": limit})

    @Endpoint
    def get(self, workflow: str, *, version: int | None = None) -> Call[dict[str, Any]]:
        """Return a version of a workflow as it was deployed: the active one, or the one you name."""
        parts = [workflow] if version is None else [workflow, "versions", version]
        return Call(_object, "GET", path("/v1/workflows", *parts))

    @Listed
    def versions(self, workflow: str, *, limit: int | None = None) -> Emits[WorkflowVersion]:
        """List the versions of a workflow, with when and by whom they were deployed."""
        return self._core.pages(path("/v1/workflows", workflow, "versions"), WorkflowVersion, {"limit": limit})

    @Endpoint
    def validate(self, workflow: Any) -> Call[CheckedWorkflow]:
        """Check a workflow; problems and warnings say how to fix them."""
        return _sent(CheckedWorkflow, "/v1/workflows/validate", workflow)

    @Endpoint
    def diff(self, workflow: Any) -> Call[WorkflowChange]:
        """Tell what a deployment would change."""
        return _sent(WorkflowChange, "/v1/workflows/diff", workflow)

    @Endpoint
    def deploy(self, workflow: Any, *, dry_run: bool = False) -> Call[WorkflowChange]:
        """Deploy a workflow; one that is deployed already stays as it is."""
        return _sent(WorkflowChange, "/v1/workflows", workflow, dry_run=dry_run or None)

    @Endpoint
    def rollback(self, workflow: str, *, to: int | None = None, dry_run: bool = False) -> Call[WorkflowChange]:
        """Make an earlier version active: `to`, or else the one that was active before."""
        query = {"dry_run": dry_run or None}
        # Back to the version before, twice, would be forward again.
        is_repeatable = to is not None or dry_run
        place = path("/v1/workflows", workflow, "rollback")
        return post(WorkflowChange, place, {"to": to}, query=query, repeatable=is_repeatable)


def _sent(kind: type[M], place: str, workflow: Any, **query: Any) -> Call[M]:
    content_type, content = _source(workflow)
    return Call(kind.of, "POST", place, query, content, content_type)


def _source(workflow: Any) -> tuple[str, bytes]:
    """Return a workflow as it is sent, with its type.

    Raises:
        UsageError: it is none of those that are taken.
        ConfigurationError: of the builder, with a line for each fault.
    """
    match workflow:
        case str():
            return YAML, workflow.encode()
        case bytes():
            return YAML, workflow
        case Mapping():
            return JSON, encoded(workflow)
    spec = workflow.spec() if hasattr(workflow, "spec") else workflow
    if not hasattr(spec, "model_fields_set"):
        raise UsageError("give a workflow as YAML, as a mapping, or as a Flow or Workflow of the builder")
    from meta_ai_orchestrator.workflows import to_yaml  # noqa: PLC0415  # the builder is there, as it was used

    return YAML, to_yaml(spec).encode()


def _object(response: Response) -> dict[str, Any]:
    found: dict[str, Any] = response.json()
    return found
