"""What is refused, and how that is said: RFC 9457 problem details with a stable `code`."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from aiokafka.errors import KafkaError
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from app.errors import BrokerError, InvalidEvent

_RETRY_SECONDS = "1"
_CODES = {HTTPStatus.NOT_FOUND: "not_found", HTTPStatus.METHOD_NOT_ALLOWED: "method_not_allowed"}


class Refusal(Exception):
    """A request that is answered by a problem: its `code` is for programs, its `detail` says how to fix it."""

    def __init__(self, status: HTTPStatus, code: str, detail: str, *, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers or {}
        self.members: dict[str, Any] = {}

    @classmethod
    def unavailable(cls, code: str, detail: str) -> Refusal:
        """Return one that says to try again soon."""
        return cls(HTTPStatus.SERVICE_UNAVAILABLE, code, detail, headers={"Retry-After": _RETRY_SECONDS})

    @classmethod
    def starting(cls, what: str) -> Refusal:
        """Return one for what is not known yet."""
        return cls.unavailable("starting", f"the gateway is still reading {what}; try again soon")


class Overloaded(Refusal):
    """A task that is not accepted, as too many wait; the APIs of providers have codes of their own for it."""

    def __init__(self, detail: str, retry_after: str) -> None:
        headers = {"Retry-After": retry_after}
        super().__init__(HTTPStatus.SERVICE_UNAVAILABLE, "overloaded", detail, headers=headers)


def invalid_body(error: ValidationError) -> RequestValidationError:
    """Return the error of a body that is read within another one, as if it were a request of its own."""
    found = error.errors(include_url=False, include_input=False)
    return RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in found])


def as_refusal(error: Exception) -> Refusal:
    """Return how a request is answered that ended with this error; uvicorn logs those that nobody expected."""
    match error:
        case Refusal():
            return error
        case RequestValidationError():
            return _invalid(error)
        case HTTPException(status_code=status):
            known = HTTPStatus(status)
            text = f"{error.detail}; GET /v1/openapi.json lists what there is"
            return Refusal(known, _CODES.get(known, "invalid_request"), text)
        case InvalidEvent(reason="too_large"):
            return Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", f"{error}; send a reference")
        case BrokerError() | KafkaError():
            text = str(error) if isinstance(error, BrokerError) else f"the broker failed: {type(error).__name__}"
            return Refusal.unavailable("broker", f"{text}; try again with the same Idempotency-Key")
        case _:
            return Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "an internal error; the gateway's log has it")


def _invalid(error: RequestValidationError) -> Refusal:
    found = error.errors()
    if found[0]["type"] == "json_invalid":
        return Refusal(HTTPStatus.BAD_REQUEST, "not_json", "the body is not valid JSON")
    places = [{"at": ".".join(map(str, one["loc"])), "message": one["msg"]} for one in found]
    first = places[0]
    refusal = Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", f"{first['at']}: {first['message']}")
    refusal.members = {"errors": places}
    return refusal
