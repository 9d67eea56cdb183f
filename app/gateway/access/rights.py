"""What a principal's tenant, workflows and models mean for the tasks that it sends."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from app.gateway.access.admission import forbidden
from app.gateway.rest.catalog_routes import AUTO
from app.security.principal import Principal
from app.workflows.definition.builtin import EMBED, PASSTHROUGH
from topics.tasks import Task


def tenant_for(caller: Principal, asked: str) -> str:
    """Return the tenant of a task: the one that is asked for, or else the one to which the caller is bound.

    Raises:
        Refusal: another one is asked for.
    """
    if caller.tenant is None or asked == caller.tenant:
        return asked
    if asked:
        raise forbidden(f"you are bound to the tenant {caller.tenant}, so a task cannot be for {asked}")
    return caller.tenant


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
    if task.workflow not in {EMBED, PASSTHROUGH}:
        if not caller.may_use_workflow(task.workflow):
            raise forbidden(f"your credentials do not allow the workflow {task.workflow}")
        return
    for model in (embedder,) if task.workflow == EMBED else _models(task.input):
        if not caller.may_use_model(model):
            raise forbidden(f"your credentials do not allow the model {model}")


def require_unlimited(caller: Principal) -> None:
    """Return if a principal may use every workflow and model: what is deployed or replayed can use them all.

    Raises:
        Refusal: it may not.
    """
    if caller.workflows is not None or caller.models is not None:
        raise forbidden("your credentials are limited to some workflows or models, and this could use others")


def _models(given: Any) -> Iterable[str]:
    """Return the models that a task of `passthrough` names; where it names none, the router chooses."""
    overrides = given.get("overrides")
    models = overrides.get("models") if isinstance(overrides, dict) else None
    return [str(model) for model in models] if isinstance(models, list) and models else [AUTO]
