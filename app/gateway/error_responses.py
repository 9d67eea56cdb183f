"""Errors as responses: problem details, or the form of OpenAI or Anthropic on the paths of their APIs."""

from __future__ import annotations

from http import HTTPStatus

from aiokafka.errors import KafkaError
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from app.api.problem import problem_response
from app.errors import BrokerError, InvalidEvent
from app.gateway.access.audit_trail import AuditTrail
from app.gateway.anthropic.message_answer import OVERLOADED as ANTHROPIC_OVERLOADED
from app.gateway.anthropic.message_answer import PATHS as ANTHROPIC_PATHS
from app.gateway.anthropic.message_answer import anthropic_error
from app.gateway.openai.errors import PATHS, openai_error, openai_status
from app.gateway.problems import Overloaded, Refusal, as_refusal


def install(app: FastAPI, trail: AuditTrail) -> None:
    """Have the app answer every error, and note the denials among them."""

    async def _answer(request: Request, error: Exception) -> Response:
        refusal = as_refusal(error)
        trail.note(refusal, request.scope)
        return as_response(refusal, request.url.path, request.state.request_id)

    for kind in (Refusal, RequestValidationError, HTTPException, InvalidEvent, BrokerError, KafkaError, Exception):
        app.add_exception_handler(kind, _answer)


def as_response(refusal: Refusal, path: str, request_id: str) -> Response:
    """Return how a refused request for `path` is answered."""
    if path.startswith(PATHS):
        return JSONResponse(openai_error(refusal), _status(refusal, HTTPStatus.TOO_MANY_REQUESTS), refusal.headers)
    if path.startswith(ANTHROPIC_PATHS):
        status = _status(refusal, ANTHROPIC_OVERLOADED)
        return JSONResponse(anthropic_error(refusal, request_id), status, refusal.headers)
    members = {"code": refusal.code, "request_id": request_id, **refusal.members}
    problem = problem_response(refusal.status, refusal.detail, **members)
    return Response(problem.body, problem.status, refusal.headers, media_type=problem.content_type)


def _status(refusal: Refusal, overloaded: int) -> int:
    """Return the status on the paths of providers' APIs, where what is invalid is 400, and overload is their own."""
    if isinstance(refusal, Overloaded):
        return overloaded
    return openai_status(refusal)
