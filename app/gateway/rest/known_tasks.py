"""What requests about a task require: that the gateway knows all tasks, and this one among them."""

from __future__ import annotations

from http import HTTPStatus

from app.gateway.problems import Refusal
from app.gateway.views.task_log import TaskLog


def require_ready(log: TaskLog) -> None:
    """Return if all tasks are known.

    Raises:
        Refusal: the topics are still being read.
    """
    if not log.caught_up:
        raise Refusal.unavailable("starting", "the gateway is still reading tasks and results; try again soon")


def require_known(log: TaskLog, task_id: str) -> None:
    """Return if there is such a task, or its result.

    Raises:
        Refusal: there is none, or that is not known yet.
    """
    require_ready(log)
    if not log.knows(task_id):
        text = "there is no such task, or it is older than topics.retention; POST /v1/tasks returns the id of a new one"
        raise Refusal(HTTPStatus.NOT_FOUND, "unknown_task", text)


def require_running(log: TaskLog, task_id: str) -> None:
    """Return if a task has no result yet.

    Raises:
        Refusal: it has one, or is not known.
    """
    require_known(log, task_id)
    if log.has_ended(task_id):
        text = f"the task has already ended: GET /v1/results/{task_id}"
        raise Refusal(HTTPStatus.CONFLICT, "task_ended", text)
