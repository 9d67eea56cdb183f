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
from app.models.answers.characters import whole_characters
from app.models.answers.json_data import decode, text_of
from app.models.base import Completion
from app.models.http.told_error import CODES, TYPES, ToldError, error_in, told_error
from app.models.paid import answer_in
from app.redaction import redactor

#: The note of an exception that was raised in the middle of an answer's body: the model had made the answer.
BODY_BROKE_OFF = "in the body"

#: Time-outs before there is a connection, by name, since their module is optional.
_NOT_CONNECTED = frozenset({"ConnectTimeout", "ConnectionTimeoutError", "PoolTimeout"})

_LONGEST_MESSAGE = 500
#: The HTTP statuses of errors.
_REFUSED = range(400, 600)

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
            late = errors.ModelTimeout("no answer within the time allowed", provider=self.provider)
            late.sent = not any(type(cause).__name__ in _NOT_CONNECTED for cause in chain)
            return late
        root = chain[-1]
        message = f"{type(root).__name__}: {root}" if str(root) else type(root).__name__
        error = errors.Unavailable(self.clean(message), provider=self.provider)
        if any(BODY_BROKE_OFF in getattr(cause, "__notes__", ()) for cause in chain):
            error.answer = Completion("")  # how long it was is not known
        return error

    def malformed(self, body: bytes | str) -> errors.ModelError:
        """Return the error of an answer in an unexpected format; some gateways put their own errors there."""
        text = body if isinstance(body, str) else text_of(body)
        try:
            told = error_in(decode(text))
        except ValueError:
            told = None
        excerpt = f"unexpected response format: {text[: 2 * _LONGEST_MESSAGE]}"
        error = self.broken(excerpt) if told is None else self.told(told)
        error.answer = answer_in(text.encode(errors="replace"), self.provider)
        return error

    def reported(self, error: object) -> errors.ModelError:
        """Return the error inside an answer with the status 200, as when a stream fails part-way.

        `error` is a text, or an object with `message`, and `code`, `type` or `status`; unknown errors are
        `Unavailable`.
        """
        return self.told(error_in(error) or told_error(error))

    def answered(self, status: int, body: object) -> errors.ModelError:
        """Return the error of an answer in a batch file, by its HTTP status and body."""
        told = error_in(body) or ToldError("", ())
        message = self.clean(told.message or f"HTTP {status}")
        return _type_for_status(status, told)(message, provider=self.provider, status=status)

    def broken(self, why: str) -> errors.Unavailable:
        """Return the error of an incomplete answer."""
        return errors.Unavailable(self.clean(why), provider=self.provider)

    def filtered(self, message: str) -> errors.ContentFiltered:
        """Return the error of an answer that the provider withheld."""
        return errors.ContentFiltered(self.clean(message), provider=self.provider)

    def clean(self, message: str) -> str:
        """Return `message` without secrets or halves of characters, and no longer than 500 characters."""
        return whole_characters(redactor(self.secrets)(message)[:_LONGEST_MESSAGE])

    def told(self, told: ToldError) -> errors.ModelError:
        """Return what an error inside an answer means; an unknown one is `Unavailable`."""
        message = self.clean(told.message or "the provider reported an error without a message")
        return (_type_for_names(told) or errors.Unavailable)(message, provider=self.provider)

    def _refused(self, problem: Any) -> errors.ModelError:
        status: int = problem.status_code
        # The SDKs differ in how much of the body they hand on.
        page, told = _parsed(problem.response.content, problem.response.charset_encoding)
        message = told.message or (f"HTTP {status}: {page}" if page else str(problem))
        error = _type_for_status(status, told)(
            self.clean(message),
            provider=self.provider,
            status=status,
            retry_after=retry_after(problem.response.headers, now=datetime.now(UTC)),
        )
        # Without an answer, only what the provider says that it has charged is to be paid for.
        if isinstance(problem.body, dict) and "usage" in problem.body:
            error.answer = answer_in(json.dumps({"usage": problem.body["usage"]}).encode(), self.provider)
        return error


def _parsed(body: bytes, charset: str | None) -> tuple[str, ToldError]:
    """Return the text of a body that is not JSON, and the error in one that is."""
    text = text_of(body, charset)
    try:
        return "", error_in(decode(text)) or ToldError("", ())
    except ValueError:
        return text, ToldError("", ())


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


def _type_for_status(status: int, told: ToldError) -> type[errors.ModelError]:
    more = next((CODES[name] for name in told.names if name in CODES), None)
    other = errors.Unavailable if status >= 500 else errors.InvalidRequest  # noqa: PLR2004  # the class of 5xx
    return more or _STATUSES.get(status, other)


def _type_for_names(told: ToldError) -> type[errors.ModelError] | None:
    """Return the error that the first known name stands for."""
    for name in told.names:
        if isinstance(name, int) and name in _REFUSED:  # some gateways put the status there
            return _type_for_status(name, told)
        if name in TYPES:
            return TYPES[name]
    return None


def _causes(problem: BaseException) -> list[BaseException]:
    chain = [problem]
    while (cause := chain[-1].__cause__) is not None:
        chain.append(cause)
    return chain
