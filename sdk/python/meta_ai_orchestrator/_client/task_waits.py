"""Waiting for the result of a task: through gateways that restart, and for as long as it takes."""

from __future__ import annotations

import math
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from meta_ai_orchestrator._client.actions import Response, Sleep, Steps
from meta_ai_orchestrator._client.calls import Call, path
from meta_ai_orchestrator._client.core import Core, now
from meta_ai_orchestrator._client.errors import (
    APIConnectionError,
    APIError,
    TaskCancelledError,
    TaskFailedError,
    WaitTimeoutError,
)
from meta_ai_orchestrator._client.retries import retry_delay
from meta_ai_orchestrator.types import Result, TaskState

#: Seconds for which one request waits: proxies cut those off that wait for much longer.
LONGEST_WAIT = 30
#: Seconds without any answer after which a wait fails.
_PATIENCE = 60.0
_UNKNOWN_DELAY = 0.5


def result_of(task_id: str, wait: int = 0) -> Call[Result | None]:
    """Return the request for the result of a task, which may not be there yet."""
    return Call(result_in, "GET", path("/v1/results", task_id), wait=wait)


def result_in(response: Response) -> Result | None:
    """Return the result in a response, or None if it says that there is none yet."""
    return Result.of(response) if response.status == HTTPStatus.OK else None


def seconds_to_wait(until: float) -> int:
    """Return how long the next request should wait."""
    return max(0, math.ceil(min(LONGEST_WAIT, until - now())))


def run_to_end(core: Core, send: Callable[[int], Call[Any]], timeout: float | None) -> Steps[Result]:
    """Send a task, wait for its result, and return it if the task has succeeded."""
    until = math.inf if timeout is None else now() + timeout
    first = seconds_to_wait(until)
    response = yield from core.exchange(send(first))
    result = result_in(response)
    if result is None:
        result = yield from wait_for(core, TaskState.of(response).id, timeout, until, is_new=True)
    return succeeded(result)


def wait_for(core: Core, task_id: str, timeout: float | None, until: float, *, is_new: bool = False) -> Steps[Result]:
    """Return the result of a task when it is there.

    Raises:
        WaitTimeoutError: it is not there in time.
    """
    answered, failures = now(), 0
    while (seconds := seconds_to_wait(until)) > 0:
        began = now()
        try:
            result = yield from core.call(result_of(task_id, seconds))
        except (APIError, APIConnectionError) as error:
            delay = retry_delay(error, failures)
            if delay is None and is_new:
                delay = unknown_yet(error)
            if delay is None or now() - answered > _PATIENCE:
                raise
            failures += 1
        else:
            if result is not None:
                return result
            # A proxy may leave out the preference, and the answer comes at once.
            answered, failures, delay = now(), 0, max(0.0, 1.0 - (now() - began))
        yield Sleep(min(delay, max(0.0, until - now())))
    raise WaitTimeoutError(task_id, timeout or 0.0)


def succeeded(result: Result) -> Result:
    """Return the result of a task that has succeeded.

    Raises:
        TaskFailedError: it has not.
    """
    if result.status == "cancelled":
        raise TaskCancelledError(result)
    if result.status == "failed":
        raise TaskFailedError(result)
    return result


def unknown_yet(error: Exception) -> float | None:
    """Return when to ask again for a task that one gateway has accepted, and another may not know for a moment."""
    return _UNKNOWN_DELAY if isinstance(error, APIError) and error.code == "unknown_task" else None
