"""What requests about a task require: that the gateway knows all tasks, and this one among them."""

from __future__ import annotations

from http import HTTPStatus

from app.gateway.problems import Refusal
from app.gateway.views.task_log import TaskLog
from app.security.principal import Principal


async def require_known(log: TaskLog, task_id: str, caller: Principal) -> None:
    """Return if there is such a task, or its result, and the caller may see it.

    Raises:
        Refusal: there is none, or that is not known yet; what is another tenant's does not exist either.
        BrokerError: the broker does not say in time whose it is.
    """
    log.require_read()
    if not (log.knows(task_id) and await _is_visible(log, task_id, caller)):
        text = "there is no such task, or it is older than topics.retention; POST /v1/tasks returns the id of a new one"
        raise Refusal(HTTPStatus.NOT_FOUND, "unknown_task", text)


async def require_running(log: TaskLog, task_id: str, caller: Principal) -> None:
    """Return if a task has no result yet, and the caller may see it.

    Raises:
        Refusal: it has one, or is not known.
        BrokerError: the broker does not say in time whose it is.
    """
    await require_known(log, task_id, caller)
    if log.has_ended(task_id):
        text = f"the task has already ended: GET /v1/results/{task_id}"
        raise Refusal(HTTPStatus.CONFLICT, "task_ended", text)


async def _is_visible(log: TaskLog, task_id: str, caller: Principal) -> bool:
    if caller.tenant is None:
        return True
    tenant = await log.tenant(task_id)
    return tenant is not None and caller.may_see(tenant)
