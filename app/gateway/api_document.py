"""The OpenAPI document: what FastAPI derives from the routes, with the form of errors on each path."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from app.gateway.anthropic.message_answer import PATHS as ANTHROPIC_PATHS
from app.gateway.openai.errors import PATHS as OPENAI_PATHS

_JSON, _PROBLEM_JSON = "application/json", "application/problem+json"
_REF = "#/components/schemas/{model}"
#: What FastAPI adds for errors that it answers in its own way; ours are others.
_NOT_OURS = ("HTTPValidationError", "ValidationError")


class ProblemPlace(BaseModel):
    """One of several faults: where it is, in which line if there are lines, and what is wrong."""

    at: str
    message: str
    line: int | None = None


class Problem(BaseModel):
    """Why a request was refused (RFC 9457): `detail` says how to fix it, `code` is for programs and stays the same.

    `request_id` is that of the header `X-Request-Id`; `errors` lists all faults of an invalid request.
    """

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    errors: list[ProblemPlace] | None = None


class OpenAIErrorFields(BaseModel):
    """What OpenAI's API says of an error."""

    message: str
    type: str
    param: str | None
    code: str | None


class OpenAIError(BaseModel):
    """An error in the form of OpenAI's API."""

    error: OpenAIErrorFields


class AnthropicErrorFields(BaseModel):
    """What Anthropic's API says of an error."""

    type: str
    message: str


class AnthropicError(BaseModel):
    """An error in the form of Anthropic's API."""

    type: str
    error: AnthropicErrorFields
    request_id: str


_FORMS: tuple[type[BaseModel], ...] = (Problem, OpenAIError, AnthropicError)


def install(app: FastAPI) -> None:
    """Have the app describe itself so."""
    derived = app.openapi

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _with_errors(derived())
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # as FastAPI's guide has it


def _with_errors(document: dict[str, Any]) -> dict[str, Any]:
    schemas: dict[str, Any] = document.setdefault("components", {}).setdefault("schemas", {})
    for name in _NOT_OURS:
        schemas.pop(name, None)
    forms: list[tuple[type[BaseModel], Any]] = [(one, "serialization") for one in _FORMS]
    schemas |= models_json_schema(forms, ref_template=_REF)[1]["$defs"]
    for path, responses in _responses(document):
        invalid = str(HTTPStatus.UNPROCESSABLE_ENTITY.value)
        if path.startswith((*OPENAI_PATHS, *ANTHROPIC_PATHS)) and responses.pop(invalid, None):
            responses[str(HTTPStatus.BAD_REQUEST.value)] = {"description": HTTPStatus.BAD_REQUEST.phrase}
        responses |= {status: {**one, "content": _content(path)} for status, one in _errors(responses)}
    return document


def _responses(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, operations in document["paths"].items():
        for operation in operations.values():
            yield path, operation["responses"]


def _errors(responses: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from ((status, one) for status, one in responses.items() if int(status) >= HTTPStatus.BAD_REQUEST)


def _content(path: str) -> dict[str, Any]:
    """Return the form of errors on a path."""
    openai, anthropic = path.startswith(OPENAI_PATHS), path.startswith(ANTHROPIC_PATHS)
    model = OpenAIError if openai else AnthropicError if anthropic else Problem
    kind = _JSON if openai or anthropic else _PROBLEM_JSON
    return {kind: {"schema": {"$ref": _REF.format(model=model.__name__)}}}
