"""How a failed run is answered: by the status that clients of OpenAI's API know."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from app.gateway.problems import Refusal
from topics.results import Result

_STATUSES: Mapping[str, HTTPStatus] = {
    "budget_exceeded": HTTPStatus.TOO_MANY_REQUESTS,
    "cancelled": HTTPStatus.CONFLICT,
    "content_filtered": HTTPStatus.BAD_REQUEST,
    "deadline_exceeded": HTTPStatus.GATEWAY_TIMEOUT,
    "expression": HTTPStatus.BAD_REQUEST,
    "invalid_input": HTTPStatus.BAD_REQUEST,
    "invalid_request": HTTPStatus.BAD_REQUEST,
    "no_model": HTTPStatus.SERVICE_UNAVAILABLE,
    "residency": HTTPStatus.FORBIDDEN,
    "overloaded": HTTPStatus.SERVICE_UNAVAILABLE,
    "prompt": HTTPStatus.BAD_REQUEST,
    "rate_limited": HTTPStatus.TOO_MANY_REQUESTS,
    "timeout": HTTPStatus.GATEWAY_TIMEOUT,
}


def failure(result: Result) -> Refusal:
    """Return the refusal for a result that has not succeeded; the run has tried again itself, so clients should not."""
    error = result.error
    code, message = (error.code, error.message) if error else (result.status, f"the run has {result.status}")
    status = _STATUSES.get(code, HTTPStatus.BAD_GATEWAY)
    return Refusal(status, code, f"{message} (run {result.task_id})", headers={"X-Should-Retry": "false"})
