"""Maps errors of HTTP APIs to ours; the official SDKs use the same names, so one mapping serves all."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from app import errors
from app.redaction import redactor

_LONGEST_MESSAGE = 500

_STATUSES: dict[int, type[errors.ModelError]] = {
    401: errors.Unauthorized,
    402: errors.Unauthorized,  # the account cannot pay: as with a wrong key, retrying does not help
    403: errors.Unauthorized,
    408: errors.ModelTimeout,
    409: errors.Unavailable,  # the APIs answer this when they could not get a lock in time
    429: errors.RateLimited,
    503: errors.Overloaded,
    529: errors.Overloaded,
}

_ERROR_CODES: dict[str, type[errors.ModelError]] = {
    "content_filter": errors.ContentFiltered,
    "content_policy_violation": errors.ContentFiltered,
    "insufficient_quota": errors.Unauthorized,  # a 429 that waiting does not fix
}


#: The names of errors inside an answer, where no HTTP status tells.
_ERROR_TYPES: dict[str, type[errors.ModelError]] = {
    "authentication_error": errors.Unauthorized,
    "billing_error": errors.Unauthorized,
    "invalid_api_key": errors.Unauthorized,
    "invalid_prompt": errors.InvalidRequest,
    "invalid_request_error": errors.InvalidRequest,
    "not_found_error": errors.InvalidRequest,
    "overloaded": errors.Overloaded,
    "overloaded_error": errors.Overloaded,
    "permission_error": errors.Unauthorized,
    "rate_limit_error": errors.RateLimited,
    "rate_limit_exceeded": errors.RateLimited,
    "request_too_large": errors.InvalidRequest,
    "timeout_error": errors.ModelTimeout,
    **_ERROR_CODES,
}


@dataclass(frozen=True, slots=True)
class ErrorTranslator:
    """Translates the exceptions of the module `sdk` into this project's errors, without `secrets` in the message.

    `expected` are the exceptions that stand for failures of the provider; any other is a bug in a component.
    """

    provider: str
    sdk: Any
    secrets: tuple[str, ...] = field(repr=False)
    expected: tuple[type[Exception], ...] = (OSError,)  # TimeoutError is one

    def translate(self, problem: Exception) -> errors.ModelError:
        """Return the error that `problem` means."""
        if isinstance(problem, self.sdk.APIStatusError):
            return self._refused(problem)
        chain = _causes(problem)
        # A refused connection is also raised as the SDK's timeout error: only its causes tell them apart.
        if any(isinstance(cause, TimeoutError) for cause in chain):
            return errors.ModelTimeout("no answer within the time allowed", provider=self.provider)
        root = chain[-1]
        message = f"{type(root).__name__}: {root}" if str(root) else type(root).__name__
        return errors.Unavailable(self.clean(message), provider=self.provider)

    def malformed(self, body: bytes) -> errors.ModelError:
        """Return the error of an answer in an unexpected format; some gateways put their own errors there."""
        told = _error_in(body)
        if _error_type(told) is not errors.Unavailable:
            return self.reported(told)
        excerpt = body[: 2 * _LONGEST_MESSAGE].decode(errors="replace")
        return self.broken(f"unexpected response format: {excerpt}")

    def reported(self, error: object) -> errors.ModelError:
        """Return the error inside an answer with the status 200, as when a stream fails part-way.

        `error` is an object with `message`, and `code` or `type`; unknown errors are `Unavailable`.
        """
        told: dict[str, Any] = error if isinstance(error, dict) else {"message": error}
        message = self.clean(str(told.get("message") or "the provider reported an error without a message"))
        return _error_type(told)(message, provider=self.provider)

    def answered(self, status: int, body: object) -> errors.ModelError:
        """Return the error of an answer in a batch file, by its HTTP status and body."""
        told = body.get("error") if isinstance(body, dict) else None
        told = told if isinstance(told, dict) else {}
        code, message = str(told.get("code") or told.get("type") or ""), str(told.get("message") or f"HTTP {status}")
        return _type_for_status(status, code)(self.clean(message), provider=self.provider, status=status)

    def broken(self, why: str) -> errors.Unavailable:
        """Return the error of an incomplete answer."""
        return errors.Unavailable(self.clean(why), provider=self.provider)

    def filtered(self, message: str) -> errors.ContentFiltered:
        """Return the error of an answer that the provider withheld."""
        return errors.ContentFiltered(self.clean(message), provider=self.provider)

    def clean(self, message: str) -> str:
        """Return `message` without secrets, and no longer than 500 characters."""
        return redactor(self.secrets)(message)[:_LONGEST_MESSAGE]

    def _refused(self, problem: Any) -> errors.ModelError:
        status: int = problem.status_code
        code, message = _code_and_message(problem)
        return _type_for_status(status, code)(
            self.clean(message),
            provider=self.provider,
            status=status,
            retry_after=retry_after(problem.response.headers, now=datetime.now(UTC)),
        )


def retry_after(headers: Mapping[str, str], *, now: datetime) -> float | None:
    """Return the seconds that `retry-after-ms` or `retry-after` (seconds or an HTTP date) ask to wait, if any."""
    for header, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(header, "")) * unit
        except ValueError:
            continue
        if math.isfinite(seconds) and seconds >= 0:
            return seconds
    return _seconds_until(headers.get("retry-after", ""), now)


def _seconds_until(date: str, now: datetime) -> float | None:
    try:
        then = parsedate_to_datetime(date)
    except ValueError:
        return None
    then = then if then.tzinfo else then.replace(tzinfo=UTC)  # "-0000" is read as a time without a zone
    return max(0.0, (then - now).total_seconds())


def _type_for_status(status: int, code: str) -> type[errors.ModelError]:
    if code in _ERROR_CODES:
        return _ERROR_CODES[code]
    other = errors.Unavailable if status >= 500 else errors.InvalidRequest  # noqa: PLR2004  # the class of 5xx
    return _STATUSES.get(status, other)


def _error_in(body: bytes) -> dict[str, Any]:
    """Return the error in a body, if it is more specific than its status."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    error = found.get("error") if isinstance(found, dict) else None
    return error if isinstance(error, dict) else {}


def _error_type(error: dict[str, Any]) -> type[errors.ModelError]:
    for name in (error.get("code"), error.get("type")):
        if isinstance(name, int) and name in range(400, 600):  # some gateways put the status there
            return _type_for_status(name, "")
        if isinstance(name, str) and name in _ERROR_TYPES:
            return _ERROR_TYPES[name]
    return errors.Unavailable


def _code_and_message(problem: Any) -> tuple[str, str]:
    body: object = problem.body
    if isinstance(body, dict) and isinstance(body.get("error"), dict):
        body = body["error"]  # one SDK returns the envelope, the other its content
    if not isinstance(body, dict):
        return "", f"HTTP {problem.status_code}: {body or problem}"
    return str(body.get("code") or body.get("type") or ""), str(body.get("message") or problem)


def _causes(problem: BaseException) -> list[BaseException]:
    chain = [problem]
    while (cause := chain[-1].__cause__) is not None:
        chain.append(cause)
    return chain
