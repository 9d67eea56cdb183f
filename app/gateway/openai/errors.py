"""Errors in OpenAI's form."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from app.gateway.problems import Overloaded, Refusal

#: The paths whose errors have this form.
PATHS = ("/v1/batches", "/v1/chat/completions", "/v1/embeddings", "/v1/files", "/v1/models", "/v1/responses")
_TYPES = {
    HTTPStatus.FORBIDDEN: "permission_error",
    HTTPStatus.NOT_FOUND: "not_found_error",
    HTTPStatus.UNAUTHORIZED: "authentication_error",
    HTTPStatus.TOO_MANY_REQUESTS: "rate_limit_error",
}
_SERVER = 500


def openai_status(refusal: Refusal) -> HTTPStatus:
    """Return the status: what is invalid is 400."""
    return HTTPStatus.BAD_REQUEST if refusal.status is HTTPStatus.UNPROCESSABLE_ENTITY else refusal.status


def openai_error(refusal: Refusal) -> dict[str, Any]:
    """Return the body."""
    if isinstance(refusal, Overloaded):
        kind, code = "rate_limit_error", "rate_limit_exceeded"
        return {"error": {"message": refusal.detail, "type": kind, "param": None, "code": code}}
    usual = "server_error" if refusal.status >= _SERVER else "invalid_request_error"
    kind = "insufficient_quota" if refusal.code == "budget_exceeded" else _TYPES.get(refusal.status, usual)
    places = refusal.members.get("errors") or [{"at": ""}]
    param = refusal.members.get("param") or places[0]["at"].removeprefix("body.") or None
    return {"error": {"message": refusal.detail, "type": kind, "param": param, "code": refusal.code}}
