"""What a principal's tenant, workflows and models mean for the tasks that it sends."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from app.errors import ConfigurationError
from app.fusion import registry as fusion
from app.gateway.access.admission import forbidden
from app.gateway.rest.catalog_routes import AUTO
from app.security.principal import Principal
from app.workflows.definition.builtin import COUNT_TOKENS, EMBED, PANEL, PASSTHROUGH
from app.workflows.definition.steps import Fusion
from topics.tasks import Task

#: The built-in workflows whose tasks name models: who may use these may use them.
_OF_MODELS = frozenset({EMBED, PASSTHROUGH, PANEL, COUNT_TOKENS})


def tenant_for(caller: Principal, asked: str) -> str:
    """Return the tenant of what is sent or looked for: that asked for, or else the one to which the caller is bound.

    Raises:
        Refusal: another one is asked for.
    """
    if caller.tenant is None or asked == caller.tenant:
        return asked
    if asked:
        raise forbidden(f"you are bound to the tenant {caller.tenant}, and may not name {asked}")
    return caller.tenant


def roles_for(caller: Principal, asked: Iterable[str]) -> tuple[str, ...]:
    """Return the roles with which a task finds documents: those asked for, or else all of the caller's.

    Raises:
        Refusal: one is asked for that the caller does not have.
    """
    given = tuple(asked)
    if caller.kind == "local":  # may write to any topic
        return given
    if strangers := sorted({*given} - {*caller.roles}):
        raise forbidden(f"you do not have the role {strangers[0]}; a task has no other roles than its sender")
    return given or caller.roles


def idempotency_scope(kind: str, tenant: str, caller: Principal) -> str:
    """Return the scope of an idempotency key: tasks of this kind, of this tenant and caller."""
    own = "" if caller.kind == "local" else f"\0{caller.id}"  # no tenant has this character
    return f"{kind}/{tenant}{own}"


def require_may_send(caller: Principal, task: Task, embedder: str) -> None:
    """Return if a principal may have this task done.

    Raises:
        Refusal: it is another tenant's, or its workflow, or a model that it names, is not allowed.
    """
    tenant_for(caller, task.tenant)
    if task.workflow not in _OF_MODELS:
        if not caller.may_use_workflow(task.workflow):
            raise forbidden(f"your credentials do not allow the workflow {task.workflow}")
        return
    for model in _models(task, embedder):
        if not caller.may_use_model(model):
            raise forbidden(f"your credentials do not allow the model {model}")


def require_unlimited(caller: Principal) -> None:
    """Return if a principal may use every workflow and model: what is deployed or replayed can use them all.

    Raises:
        Refusal: it may not.
    """
    if caller.workflows is not None or caller.models is not None:
        raise forbidden("your credentials are limited to some workflows or models, and this could use others")


def _models(task: Task, embedder: str) -> Iterable[str]:
    """Return the models that a task of one of these workflows names; where it names none, the router chooses."""
    if task.workflow == EMBED:
        return [embedder]
    if task.workflow == COUNT_TOKENS:
        return [str(task.input.get("model"))]
    overrides = task.input.get("overrides")
    given = overrides if isinstance(overrides, dict) else {}
    models = given.get("models")
    asked = [str(model) for model in models] if isinstance(models, list) and models else [AUTO]
    return [*asked, *_judges(given.get("fusion"))]


def _judges(fused: Any) -> Iterable[str]:
    """Return the models that a fusion calls itself; one that is not valid calls none, as its run fails."""
    if not fused:
        return ()  # the usual one calls none, and this is looked at for every request
    try:
        chosen = Fusion.model_validate(fused)
        return fusion.get(chosen.strategy, chosen.options).models
    except (ValidationError, ConfigurationError):
        return ()
