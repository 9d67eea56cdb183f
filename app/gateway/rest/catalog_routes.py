"""`/v1/workflows` and `/v1/models`: what can be asked."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, JsonValue

from app.gateway.access.admission import Caller
from app.gateway.openapi import refusals
from app.gateway.parts import Parts
from app.gateway.problems import Refusal
from app.gateway.rest.pages import MOST, Cursor, Limit, page_by_name
from app.security.principal import Principal
from app.suggestions import did_you_mean
from app.workflows.definition.builtin import COUNT_TOKENS, EMBED, PANEL, PASSTHROUGH

#: The built-in workflows that are asked by other names: those of models, and of the embedder.
_HIDDEN = frozenset({PASSTHROUGH, PANEL, EMBED, COUNT_TOKENS})
#: The model that stands for all configured ones: the router chooses.
AUTO = "auto"


class WorkflowSummary(BaseModel):
    """A deployed workflow: `version` is the active one; `input` is the JSON Schema of a task's input."""

    id: str
    version: int
    versions: tuple[int, ...]
    description: str = ""
    input: dict[str, JsonValue]


class WorkflowList(BaseModel):
    """Deployed workflows by name, and the cursor of the next page."""

    data: list[WorkflowSummary]
    next: str | None = None


class ModelCard(BaseModel):
    """Something that answers, in OpenAI's form: `owned_by` is the provider, or else what it is."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str


class ModelList(BaseModel):
    """All that answers, in OpenAI's form."""

    object: Literal["list"] = "list"
    data: list[ModelCard]


def routes(parts: Parts) -> APIRouter:
    """Return the routes."""
    router = APIRouter()

    @router.get("/v1/workflows", responses=refusals())
    async def workflows(caller: Caller, limit: Limit = MOST, cursor: Cursor = "") -> WorkflowList:
        """List the workflows that the caller may use."""
        parts.catalog.require_read()
        names = filter(caller.may_use_workflow, parts.catalog.workflows)
        page = page_by_name(sorted(names), str, cursor, limit)
        return WorkflowList(data=[_summary(parts, name) for name in page.rows], next=page.next)

    @router.get("/v1/workflows/{workflow}", responses=refusals(404))
    async def one_workflow(workflow: str, caller: Caller) -> dict[str, Any]:
        """Return the active version of a workflow, as it was deployed."""
        parts.catalog.require_read()
        require_visible(parts, caller, workflow)
        return dict(parts.catalog.workflows[workflow])

    @router.get("/v1/models", responses=refusals())
    async def models(caller: Caller) -> ModelList:
        """List what answers and the caller may use: workflows, configured models and panels, and the router."""
        parts.catalog.require_read()
        return ModelList(data=list(_cards(parts, caller).values()))

    @router.get("/v1/models/{model:path}", responses=refusals(404))
    async def one_model(model: str, caller: Caller) -> ModelCard:
        """Return one of them."""
        parts.catalog.require_read()
        if found := _cards(parts, caller).get(model):
            return found
        raise unknown_model(parts, caller, model)

    return router


def require_visible(parts: Parts, caller: Principal, workflow: str) -> None:
    """Return if a workflow is deployed, or built in, and the caller may use it.

    Raises:
        Refusal: it is not.
    """
    visible = [*filter(caller.may_use_workflow, parts.catalog.workflows)]
    if workflow not in visible:
        text = f"no workflow is called {workflow}; {did_you_mean(workflow, visible)}"
        raise Refusal(HTTPStatus.NOT_FOUND, "unknown_workflow", text)


def unknown_model(parts: Parts, caller: Principal, model: str) -> Refusal:
    """Return the refusal of a model that does not exist, with those that the caller may use."""
    text = f"there is no model {model}; {did_you_mean(model, _cards(parts, caller))}"
    return Refusal(HTTPStatus.NOT_FOUND, "model_not_found", text)


def _summary(parts: Parts, name: str) -> WorkflowSummary:
    spec: Any = parts.catalog.workflows[name]
    return WorkflowSummary(
        id=name,
        version=spec.get("version", 1),
        versions=parts.catalog.versions(name),
        description=spec.get("description", ""),
        input=spec.get("input", {}),
    )


def _cards(parts: Parts, caller: Principal) -> dict[str, ModelCard]:
    """Return those that the caller may use, by name; a workflow comes before a model of the same name."""
    configured = parts.settings.models
    embedder = parts.settings.retrieval.embedder
    cards = {embedder: ModelCard(id=embedder, owned_by="embedder")}
    if configured:
        cards[AUTO] = ModelCard(id=AUTO, owned_by="router")
    cards |= {name: ModelCard(id=name, owned_by=model.provider) for name, model in configured.items()}
    workflows = parts.catalog.workflows.keys() - _HIDDEN
    cards = {name: card for name, card in cards.items() if caller.may_use_model(name) and name not in workflows}
    for name, panel in parts.settings.panels.items():
        if all(map(caller.may_use_model, panel.models)) and name not in workflows:
            cards[name] = ModelCard(id=name, owned_by="panel")
    cards |= {name: ModelCard(id=name, owned_by="workflow") for name in filter(caller.may_use_workflow, workflows)}
    return dict(sorted(cards.items()))
