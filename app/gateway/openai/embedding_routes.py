"""`/v1/embeddings`: texts to vectors, by the embedder of the workers."""

from __future__ import annotations

import base64
from http import HTTPStatus
from typing import Annotated, Any, Literal
from uuid import uuid4

import numpy as np
from fastapi import APIRouter
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from app.gateway.access.admission import Caller
from app.gateway.access.rights import tenant_for
from app.gateway.answers.bodies import as_list
from app.gateway.answers.failures import failure
from app.gateway.openapi import WITH_BODY, refusals
from app.gateway.parts import Parts
from app.gateway.problems import Refusal
from app.gateway.rest.task_routes import checked, finished
from app.security.principal import Principal
from app.workflows.definition.builtin import EMBED
from topics.results import Result
from topics.tasks import Task

#: Texts of one request; the vectors of all of them are one event.
MOST_TEXTS = 256


class EmbeddingRequest(BaseModel):
    """Texts to embed; lists of tokens are not known, as each embedder has its own."""

    model_config = ConfigDict(extra="forbid")

    model: str = Field(min_length=1, max_length=200)
    input: Annotated[list[Annotated[str, Field(min_length=1)]], BeforeValidator(as_list)] = Field(
        min_length=1, max_length=MOST_TEXTS
    )
    encoding_format: Literal["float", "base64"] = "float"
    user: str = ""


def routes(parts: Parts) -> APIRouter:
    """Return the route."""
    router = APIRouter()

    @router.post("/v1/embeddings", responses=refusals(404, 502, 504, *WITH_BODY))
    async def embed(asked: EmbeddingRequest, caller: Caller) -> dict[str, Any]:
        """Return a vector for each text."""
        parts.log.require_read()
        parts.catalog.require_read()
        task = embedding_task(parts, caller, asked, uuid4().hex)
        return embeddings(asked, await finished(parts, caller, task, nothing="no vectors"))

    return router


def embedding_task(parts: Parts, caller: Principal, asked: EmbeddingRequest, task_id: str) -> Task:
    """Return the task of a request.

    Raises:
        Refusal: there is no such embedder, or the texts are too long.
    """
    if asked.model != parts.settings.retrieval.embedder:
        text = f"there is no embedder {asked.model}; the one here is {parts.settings.retrieval.embedder}"
        raise Refusal(HTTPStatus.NOT_FOUND, "model_not_found", text)
    task = Task(id=task_id, workflow=EMBED, tenant=tenant_for(caller, ""), input={"texts": list(asked.input)})
    return checked(task, parts.settings.delivery.max_event_bytes)


def embeddings(asked: EmbeddingRequest, result: Result) -> dict[str, Any]:
    """Return the answer to a request.

    Raises:
        Refusal: the run has failed.
    """
    vectors = _succeeded(result)  # base64 of little-endian float32
    shown = vectors if asked.encoding_format == "base64" else [_floats(vector) for vector in vectors]
    data = [{"object": "embedding", "index": at, "embedding": one} for at, one in enumerate(shown)]
    # An embedder counts no tokens.
    return {"object": "list", "model": asked.model, "data": data, "usage": {"prompt_tokens": 0, "total_tokens": 0}}


def _succeeded(result: Result) -> list[str]:
    if result.status != "succeeded" or not isinstance(result.answer, list):
        raise failure(result)
    return [str(vector) for vector in result.answer]


def _floats(vector: str) -> list[float]:
    floats: list[float] = np.frombuffer(base64.b64decode(vector), dtype="<f4").tolist()
    return floats
