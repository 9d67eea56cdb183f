"""What a provider says of an error, in whichever form: as an object, a text, a list, or within a choice."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from app import errors
from app.models.answers.json_data import decode

Name = str | int
Types = dict[Name, type[errors.ModelError]]

#: What an answer has; an object without any of these, but with a message, is an error.
_ANSWER = frozenset({"choices", "content", "delta", "output", "response", "usage"})
# All in small letters, as they are looked up.
_NAMES = ("code", "type", "__type", "status", "error_code", "status_code", "statuscode", "http_status", "reason")
_SPOKEN = ("message", "msg", "detail", "error_message", "errormessage", "error_msg", "status_msg")
_MESSAGES = (*_SPOKEN, "error", "errors", "description", "title")
_NOT_LETTERS = re.compile(r"[^a-z0-9]+")
#: Objects within each other that are looked into.
_DEEPEST = 4


@dataclass(frozen=True, slots=True)
class ToldError:
    """What was said: a message, and the `names` of the error: statuses, and words without case and punctuation."""

    message: str
    names: tuple[Name, ...]


def _normal(name: str) -> str:
    return _NOT_LETTERS.sub("", name.rpartition("#")[2].lower()).removesuffix("exception")


def _types(**names: type[errors.ModelError]) -> Types:
    return {_normal(name): kind for name, kind in names.items()}


#: Names that say more than an HTTP status.
CODES = _types(
    content_filter=errors.ContentFiltered,
    content_policy_violation=errors.ContentFiltered,
    data_inspection_failed=errors.ContentFiltered,
    exceeded_current_quota_error=errors.Unauthorized,
    insufficient_balance=errors.Unauthorized,
    insufficient_quota=errors.Unauthorized,  # a 429 that waiting does not fix
)
#: The names of errors inside an answer, where no HTTP status tells: OpenAI's, Anthropic's, Google's, Amazon's (without
#: `Exception`), the SDKs'.
TYPES = CODES | _types(
    access_denied=errors.Unauthorized,
    authentication_error=errors.Unauthorized,
    bad_request=errors.InvalidRequest,
    bad_request_error=errors.InvalidRequest,
    billing_error=errors.Unauthorized,
    context_length_exceeded=errors.InvalidRequest,
    deadline_exceeded=errors.ModelTimeout,
    engine_overloaded=errors.Overloaded,
    engine_overloaded_error=errors.Overloaded,
    failed_precondition=errors.InvalidRequest,
    forbidden=errors.Unauthorized,
    invalid_api_key=errors.Unauthorized,
    invalid_argument=errors.InvalidRequest,
    invalid_authentication_error=errors.Unauthorized,
    invalid_prompt=errors.InvalidRequest,
    invalid_request=errors.InvalidRequest,
    invalid_request_error=errors.InvalidRequest,
    model_not_found=errors.InvalidRequest,
    model_timeout=errors.ModelTimeout,
    not_found=errors.InvalidRequest,
    not_found_error=errors.InvalidRequest,
    overloaded=errors.Overloaded,
    overloaded_error=errors.Overloaded,
    permission_denied=errors.Unauthorized,
    permission_denied_error=errors.Unauthorized,
    permission_error=errors.Unauthorized,
    rate_limit_error=errors.RateLimited,
    rate_limit_exceeded=errors.RateLimited,
    rate_limit_reached_error=errors.RateLimited,
    request_too_large=errors.InvalidRequest,
    resource_exhausted=errors.RateLimited,
    resource_not_found=errors.InvalidRequest,
    server_is_overloaded=errors.Overloaded,
    service_unavailable=errors.Overloaded,
    service_unavailable_error=errors.Overloaded,
    slow_down=errors.RateLimited,
    throttling=errors.RateLimited,
    timeout_error=errors.ModelTimeout,
    too_many_requests=errors.RateLimited,
    unauthenticated=errors.Unauthorized,
    unauthorized=errors.Unauthorized,
    unprocessable_entity_error=errors.InvalidRequest,
    validation=errors.InvalidRequest,
)


def error_in(value: object) -> ToldError | None:
    """Return the error that an answer reports; None if it reports none."""
    if isinstance(value, list):
        return next((told for item in value if (told := error_in(item))), None)
    if not isinstance(value, dict):
        return None
    status = value.get("base_resp")
    if isinstance(status, dict) and status.get("status_code"):
        return told_error(status)
    answered = any(map(value.get, _ANSWER))
    fields = value if answered else _fields(value)
    for place in (fields, *_choices(value)):
        for name in ("error", "errors"):
            if name in place and _says_something(error := place[name]):
                beside = error is True or (isinstance(error, str) and isinstance(place.get("message"), str))
                return told_error(place if beside else error, place)
    if "error" in (fields.get("type"), fields.get("object")):
        return told_error(fields)
    spoken = any(isinstance(fields.get(name), str | list) and fields[name] for name in _SPOKEN)
    return told_error(fields) if spoken and not answered else None


def told_error(error: object, around: Mapping[str, Any] | None = None) -> ToldError:
    """Return what is known of an error; `around` is the object that it stands in, which may have the status."""
    return ToldError(_message(error), tuple(dict.fromkeys((*_names(error), *_names(around)))))


def _choices(value: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    choices = value.get("choices")
    yield from (choice for choice in choices if isinstance(choice, dict)) if isinstance(choices, list) else ()


def _fields(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object with its names in small letters."""
    return {name.lower(): inner for name, inner in value.items()}


def _says_something(error: object) -> bool:
    """Whether it is an error, and not an empty form for one."""
    if isinstance(error, Mapping):
        return any(error.values())
    return any(map(_says_something, error)) if isinstance(error, list) else bool(error)


def _opened(error: object) -> object:
    """Return the object in a text that is JSON, and anything else as it is; its names are in small letters."""
    if isinstance(error, str) and error.lstrip().startswith("{"):
        with suppress(ValueError):
            error = decode(error)
    return _fields(error) if isinstance(error, Mapping) else error


def _names(error: object, depth: int = 0) -> Iterator[Name]:
    error = _opened(error[0] if isinstance(error, list) and error else error)
    if not isinstance(error, Mapping) or depth > _DEEPEST:
        return
    for key in _NAMES:
        name = error.get(key)
        if isinstance(name, int | float) and not isinstance(name, bool):
            yield int(name) if name == name and abs(name) < _LARGEST else 0  # noqa: PLR0124  # not NaN
        elif isinstance(name, str):
            yield int(name) if name.strip().isdecimal() and len(name) < _DIGITS else _normal(name)
    for inner in ("error", "message"):
        yield from _names(error.get(inner), depth + 1)


#: More than any status has.
_LARGEST, _DIGITS = 1_000_000, 7


def _message(error: object, depth: int = 0) -> str:
    found = _opened(error) if depth <= _DEEPEST else error
    if isinstance(found, list):
        return "; ".join(filter(None, (_message(item, depth + 1) for item in found[:3]))) if depth <= _DEEPEST else ""
    if not isinstance(found, Mapping):
        return found if isinstance(found, str) else "" if found is None or found is True else json.dumps(found)
    messages = (_message(found.get(name), depth + 1) for name in _MESSAGES if found.get(name))
    message = next(filter(None, messages), "") if depth <= _DEEPEST else ""
    behind = found.get("metadata")  # a router quotes the provider behind it
    raw = behind.get("raw") if isinstance(behind, Mapping) else None
    message = f"{message}: {raw}" if message and isinstance(raw, str) else message
    return message or (error if isinstance(error, str) else "")
