"""The errors of the clients.

MetaAIError
├── APIError                      the gateway refused a request: status, code, detail, request_id
│   ├── BadRequestError           400
│   ├── AuthenticationError       401: there are no credentials, or nobody has these
│   ├── PermissionDeniedError     403
│   ├── NotFoundError             404
│   ├── ConflictError             409
│   ├── UnprocessableEntityError  422: a field is invalid; `errors` lists all
│   ├── RateLimitError            429: `retry_after` says when to try again
│   └── InternalServerError       500 and above
├── APIConnectionError            there was no answer, or it was cut off
│   └── APITimeoutError           there was no answer in time
├── InvalidResponseError          an answer that cannot be read
├── TaskFailedError               a task ended without an answer: `result` has the whole result
│   └── TaskCancelledError        somebody cancelled its run
├── WaitTimeoutError              a task had no result in time; it goes on: `task_id`
├── WebhookVerificationError      a webhook whose signature is not right
└── UsageError                    an option or an argument is not valid
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from meta_ai_orchestrator._client.actions import Response
    from meta_ai_orchestrator.types import Result


class MetaAIError(Exception):
    """What the clients raise by intention."""


class APIError(MetaAIError):
    """The gateway refused a request.

    `code` is for programs, and None if something other than the gateway answered; `detail` says how to fix it. Give
    `request_id` to the operators when you ask about it. `errors` are the invalid fields, and `retry_after` the seconds
    after which to try again, where the answer says so.
    """

    def __init__(self, response: Response) -> None:
        problem = _problem(response)
        self.response = response
        self.status = response.status
        self.code: str | None = _text(problem.get("code"))
        self.detail: str = _text(problem.get("detail")) or f"HTTP {response.status}"
        self.request_id: str | None = _text(problem.get("request_id")) or response.request_id
        errors = problem.get("errors")
        self.errors: Sequence[Mapping[str, Any]] = errors if isinstance(errors, list) else []
        self.retry_after = _seconds(response.headers.get("retry-after"))
        request = f" (request {self.request_id})" if self.request_id else ""
        super().__init__(f"{self.status} {self.code or 'error'}: {self.detail}{request}")

    @staticmethod
    def of(response: Response) -> APIError:
        """Return the error of a response."""
        status = response.status
        fallback = InternalServerError if status >= HTTPStatus.INTERNAL_SERVER_ERROR else APIError
        return _KINDS.get(status, fallback)(response)


class BadRequestError(APIError):
    """400: the request is not what the API takes."""


class AuthenticationError(APIError):
    """401: there are no credentials, or nobody has these."""


class PermissionDeniedError(APIError):
    """403: you may not do this; `detail` says what is missing."""


class NotFoundError(APIError):
    """404: there is no such thing, or it is older than the topics keep."""


class ConflictError(APIError):
    """409: it contradicts what is there already."""


class UnprocessableEntityError(APIError):
    """422: a field is invalid; `errors` lists all."""


class RateLimitError(APIError):
    """429: asked too often; `retry_after` says when to try again."""


class InternalServerError(APIError):
    """500 and above: the gateway, or what it needs, is not there or has failed."""


class APIConnectionError(MetaAIError):
    """There was no answer, or it was cut off; without `sent`, the request has not left this machine."""

    def __init__(self, message: str, *, sent: bool = True) -> None:
        super().__init__(message)
        self.sent = sent


class APITimeoutError(APIConnectionError):
    """There was no answer in time."""


class InvalidResponseError(MetaAIError):
    """An answer that cannot be read."""


class TaskFailedError(MetaAIError):
    """A task ended without an answer: `code` says why, and `result` has the rest."""

    def __init__(self, result: Result) -> None:
        self.result = result
        self.task_id = result.task_id
        self.code = result.error.code if result.error else result.status
        reason = result.error.message if result.error else "there is no answer"
        super().__init__(f"{self.code}: {reason} (task {self.task_id})")


class TaskCancelledError(TaskFailedError):
    """Somebody cancelled the run of the task."""


class WaitTimeoutError(MetaAIError):
    """A task had no result in time; it goes on, and `client.results.get(task_id)` has its result later."""

    def __init__(self, task_id: str, seconds: float) -> None:
        super().__init__(f"task {task_id} had no result within {seconds:g} s; it goes on: results.get has it later")
        self.task_id = task_id


class WebhookVerificationError(MetaAIError):
    """A webhook whose signature is not right, or too old: do not process it."""


class UsageError(MetaAIError, ValueError):
    """An option or an argument is not valid."""


_KINDS: Mapping[int, type[APIError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    422: UnprocessableEntityError,
    429: RateLimitError,
}


def _problem(response: Response) -> Mapping[str, Any]:
    """Return the problem in a response; nothing of what something else than the gateway says, as a proxy."""
    if "json" not in response.headers.get("content-type", ""):
        return {}
    try:
        found: Any = json.loads(response.content)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _seconds(retry_after: str | None) -> float | None:
    """Return how long a Retry-After is from now; it is a number of seconds, or a date."""
    if not retry_after:
        return None
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(retry_after).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
    return max(0.0, seconds) if seconds == seconds else None  # noqa: PLR0124  # NaN is a number that float reads
