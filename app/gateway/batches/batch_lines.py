"""The lines of a batch: each is a request, which becomes the task that it would be as a single one."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from app.gateway.answers.bodies import AnswerRequest
from app.gateway.answers.chat_tasks import ChatTask, chat_task
from app.gateway.answers.failures import failure
from app.gateway.guard import MAX_DEPTH, depth
from app.gateway.openai import chat_answer, response_answer
from app.gateway.openai.chat_request import ChatRequest
from app.gateway.openai.embedding_routes import EmbeddingRequest, embedding_task, embeddings
from app.gateway.openai.response_request import ResponseRequest
from app.gateway.parts import Parts
from app.gateway.problems import Refusal, invalid_body
from app.gateway.rest.task_routes import task_id_for
from app.security.principal import Principal
from app.workflows.definition.builtin import PANEL, PASSTHROUGH
from topics.batches import BatchOwner
from topics.results import Result
from topics.tasks import Task

Endpoint = Literal["/v1/chat/completions", "/v1/responses", "/v1/embeddings"]
#: The priority of tasks that do not name one: below that of all others that do not.
PRIORITY = -10

Request = ChatRequest | ResponseRequest | EmbeddingRequest


class BatchLine(BaseModel):
    """A line of the input."""

    model_config = ConfigDict(extra="ignore")

    custom_id: str = Field(min_length=1, max_length=512)
    method: Literal["POST"]
    url: str
    body: dict[str, JsonValue]


class InvalidLine(ValueError):
    """A line is none of a batch."""


def parse_line(text: bytes | None, endpoint: str) -> BatchLine:
    """Return what is in a line.

    Raises:
        InvalidLine: it is too long, or no request for the endpoint; the message says what to do.
    """
    if text is None:
        raise InvalidLine("the line is larger than delivery.max_event_bytes allows")
    if depth(text) > MAX_DEPTH:
        raise InvalidLine(f"the line is nested more than {MAX_DEPTH} deep; flatten it")
    try:
        line = BatchLine.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise InvalidLine(f"{place}: {first['msg']}" if place else "the line is not a valid JSON object") from None
    if line.url != endpoint:
        raise InvalidLine(f"url: must be {endpoint}, the endpoint of the batch")
    return line


def owner_of(caller: Principal) -> BatchOwner:
    """Return what is kept of whoever begins a batch: its requests are then sent as if by them."""
    return BatchOwner.model_validate({name: getattr(caller, name) for name in BatchOwner.model_fields})


def principal_of(owner: BatchOwner) -> Principal:
    """Return whoever began a batch, as far as its requests need to know."""
    return Principal(**dict(owner))


def line_task_id(batch_id: str, number: int) -> str:
    """Return the id of the task of a line: the same whenever it is sent again."""
    return task_id_for(f"batch/{batch_id}", str(number))


def read_request(line: BatchLine) -> Request:
    """Return the request in a line.

    Raises:
        RequestValidationError: it is not valid, as it would be in a request of its own.
        Refusal: it asks for a stream.
    """
    form: type[Request] = ChatRequest if line.url == "/v1/chat/completions" else ResponseRequest
    form = EmbeddingRequest if line.url == "/v1/embeddings" else form
    try:
        asked: Request = form.model_validate(line.body)
    except ValidationError as error:
        raise invalid_body(error) from None
    if isinstance(asked, AnswerRequest) and asked.stream:
        refusal = Refusal(HTTPStatus.BAD_REQUEST, "unsupported_parameter", "stream: a batch has no streams")
        refusal.members = {"param": "stream"}
        raise refusal
    return asked


async def make_task(parts: Parts, owner: Principal, asked: Request, task_id: str) -> Task:
    """Return the task of a request.

    Raises:
        Refusal: as for a single request.
        BrokerError: the broker does not say in time which workflows there are.
    """
    if isinstance(asked, EmbeddingRequest):
        task = embedding_task(parts, owner, asked, task_id)
    else:
        task = (await chat_task(parts, owner, asked, None)).task
    return task.model_copy(update={"id": task_id, "priority": PRIORITY if task.priority is None else task.priority})


def answer(asked: Request, result: Result) -> dict[str, Any]:
    """Return the answer to a request.

    Raises:
        Refusal: the run has failed.
    """
    if result.status != "succeeded":
        raise failure(result)
    if isinstance(asked, EmbeddingRequest):
        return embeddings(asked, result)
    ignored = [] if result.workflow in {PANEL, PASSTHROUGH} else asked.decided()
    task = Task(id=result.task_id, workflow=result.workflow, input={})
    chat = ChatTask(result.task_id, task, asked.model, ignored, "")
    if isinstance(asked, ResponseRequest):
        return response_answer.response(chat, asked, result)
    return chat_answer.completion(chat, result)


def answered_line(custom_id: str, task_id: str, status: int, body: dict[str, Any]) -> bytes:
    """Return the line of an output file that tells what a request was answered."""
    response = {"status_code": status, "request_id": task_id, "body": body}
    return _encoded(custom_id, task_id, response=response, error=None)


def failed_line(custom_id: str, task_id: str, code: str, message: str) -> bytes:
    """Return the line of an output file that tells why a request was not made."""
    return _encoded(custom_id, task_id, response=None, error={"code": code, "message": message})


def _encoded(custom_id: str, task_id: str, **fields: Any) -> bytes:
    line = {"id": f"batch_req_{task_id}", "custom_id": custom_id, **fields}
    return json.dumps(line, separators=(",", ":")).encode() + b"\n"
