"""What a provider says of an error, in whichever form: as an object, a text, a list, or within a choice."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app import errors

Name = str | int
Types = dict[Name, type[errors.ModelError]]

#: What an answer has; an object without any of these, but with a message, is an error.
_ANSWER = frozenset({"choices", "content", "delta", "output", "response", "usage"})
_NAMES = ("code", "type", "status", "error_code", "status_code", "statusCode", "http_status", "reason")
_MESSAGES = ("message", "msg", "detail", "error_message", "error", "errors", "description")
_NOT_LETTERS = re.compile(r"[^a-z0-9]+")
#: Objects within each other that are looked into.
_DEEPEST = 4


@dataclass(frozen=True, slots=True)
class ToldError:
    """What was said: a message, and the `names` of the error: statuses, and words without case and punctuation."""

    message: str
    names: tuple[Name, ...]


def _normal(name: str) -> str:
    return _NOT_LETTERS.sub("", name.lower())


def _types(**names: type[errors.ModelError]) -> Types:
    return {_normal(name): kind for name, kind in names.items()}


#: Names that say more than an HTTP status.
CODES = _types(
    content_filter=errors.ContentFiltered,
    content_policy_violation=errors.ContentFiltered,
    insufficient_quota=errors.Unauthorized,  # a 429 that waiting does not fix
)
#: The names of errors inside an answer, where no HTTP status tells: OpenAI's, Anthropic's, Google's, the SDKs'.
TYPES = CODES | _types(
    authentication_error=errors.Unauthorized,
    bad_request=errors.InvalidRequest,
    bad_request_error=errors.InvalidRequest,
    billing_error=errors.Unauthorized,
    context_length_exceeded=errors.InvalidRequest,
    deadline_exceeded=errors.ModelTimeout,
    failed_precondition=errors.InvalidRequest,
    forbidden=errors.Unauthorized,
    invalid_api_key=errors.Unauthorized,
    invalid_argument=errors.InvalidRequest,
    invalid_prompt=errors.InvalidRequest,
    invalid_request=errors.InvalidRequest,
    invalid_request_error=errors.InvalidRequest,
    model_not_found=errors.InvalidRequest,
    not_found=errors.InvalidRequest,
    not_found_error=errors.InvalidRequest,
    overloaded=errors.Overloaded,
    overloaded_error=errors.Overloaded,
    permission_denied=errors.Unauthorized,
    permission_denied_error=errors.Unauthorized,
    permission_error=errors.Unauthorized,
    rate_limit_error=errors.RateLimited,
    rate_limit_exceeded=errors.RateLimited,
    request_too_large=errors.InvalidRequest,
    resource_exhausted=errors.RateLimited,
    service_unavailable=errors.Overloaded,
    service_unavailable_error=errors.Overloaded,
    timeout_error=errors.ModelTimeout,
    too_many_requests=errors.RateLimited,
    unauthenticated=errors.Unauthorized,
    unauthorized=errors.Unauthorized,
    unprocessable_entity_error=errors.InvalidRequest,
)


def error_in(value: object) -> ToldError | None:
    """Return the error that an answer reports; None if it reports none."""
    if isinstance(value, list):
        return next((told for item in value if (told := error_in(item))), None)
    if not isinstance(value, dict):
        return None
    for place in (value, *_choices(value)):
        for name in ("error", "errors"):
            if place.get(name):
                return told_error(place if place[name] is True else place[name], place)
    if "error" in (value.get("type"), value.get("object")):
        return told_error(value)
    spoken = any(isinstance(value.get(name), str | list) and value[name] for name in ("message", "detail"))
    return told_error(value) if spoken and not _ANSWER & value.keys() else None


def told_error(error: object, around: Mapping[str, Any] | None = None) -> ToldError:
    """Return what is known of an error; `around` is the object that it stands in, which may have the status."""
    return ToldError(_message(error), tuple(dict.fromkeys((*_names(error), *_names(around)))))


def _choices(value: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    choices = value.get("choices")
    yield from (choice for choice in choices if isinstance(choice, dict)) if isinstance(choices, list) else ()


def _names(error: object, depth: int = 0) -> Iterator[Name]:
    if isinstance(error, list):
        error = error[0] if error else None
    if not isinstance(error, Mapping) or depth > _DEEPEST:
        return
    for key in _NAMES:
        name = error.get(key)
        if isinstance(name, int | float) and not isinstance(name, bool):
            yield int(name) if name == name and abs(name) < _LARGEST else 0  # noqa: PLR0124  # not NaN
        elif isinstance(name, str):
            yield int(name) if name.strip().isdecimal() and len(name) < _DIGITS else _normal(name)
    yield from _names(error.get("error"), depth + 1)


#: More than any status has.
_LARGEST, _DIGITS = 1_000_000, 7


def _message(error: object, depth: int = 0) -> str:
    if isinstance(error, str):
        return error
    if isinstance(error, list):
        return "; ".join(filter(None, (_message(item, depth + 1) for item in error[:3]))) if depth <= _DEEPEST else ""
    if not isinstance(error, Mapping):
        return "" if error is None or isinstance(error, bool) else json.dumps(error)
    found = (_message(error.get(name), depth + 1) for name in _MESSAGES if error.get(name))
    message = next(filter(None, found), "") if depth <= _DEEPEST else ""
    behind = error.get("metadata")  # a router quotes the provider behind it
    raw = behind.get("raw") if isinstance(behind, Mapping) else None
    return f"{message}: {raw}" if message and isinstance(raw, str) else message
