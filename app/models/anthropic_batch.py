"""Anthropic's message batches."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

import httpx2
from pydantic import BaseModel

from app.errors import BatchExpired, BatchFailed, ModelError
from app.models.anthropic_reading import read
from app.models.base import Collected, Completion
from app.models.batch_lines import Line, answers, parsed
from app.models.http_errors import Errors
from app.models.wire import Wire


class _Envelope(BaseModel):
    error: Any = None


class _Result(BaseModel):
    type: Literal["succeeded", "errored", "canceled", "expired"]
    message: Any = None
    error: _Envelope = _Envelope()


class _State(BaseModel):
    id: str
    processing_status: str


class _Line(Line):
    result: _Result


class Batches:
    """The message batches of one endpoint."""

    def __init__(self, wire: Wire, errors: Errors) -> None:
        self._wire = wire
        self._errors = errors

    async def submit(self, requests: Mapping[str, Mapping[str, Any]], *, timeout: float) -> str:
        """Hand in a batch; return its id. The API takes no metadata: the names of the requests tell whose it is.

        Raises:
            ModelError: one of its subclasses.
        """
        entries = [{"custom_id": name, "params": dict(body)} for name, body in requests.items()]

        async def hand_in(client: Any, options: Mapping[str, Any]) -> bytes:
            raw = await client.messages.batches.with_raw_response.create(requests=entries, **options)
            return bytes(await raw.read())

        return parsed(await self._wire.use(hand_in, timeout=timeout), _State, self._errors).id

    async def collect(self, batch: str, *, timeout: float) -> Collected | None:
        """Return what a batch has come to; None while it is not over.

        Raises:
            ModelError: one of its subclasses.
        """

        async def look(client: Any, options: Mapping[str, Any]) -> bytes | None:
            raw = await client.messages.batches.with_raw_response.retrieve(batch, **options)
            if parsed(await raw.read(), _State, self._errors).processing_status != "ended":
                return None
            # Not the address that the answer names, to which the key would go along.
            request = {"headers": options["extra_headers"], "timeout": options["timeout"]}
            answer = await client.get(f"/v1/messages/batches/{batch}/results", cast_to=httpx2.Response, options=request)
            return bytes(answer.content)

        file = await self._wire.use(look, timeout=timeout)
        if file is None:
            return None
        found = dict(answers(file, _Line, self._answer, self._errors))
        return Collected(found, self._failed("the batch has ended without an answer to this request"))

    def _answer(self, line: _Line) -> Completion | ModelError:
        result = line.result
        match result.type:
            case "succeeded":
                try:
                    return read(json.dumps(result.message).encode(), self._errors)
                except ModelError as error:
                    return error
            case "errored":
                return self._errors.reported(result.error.error)
            case "expired":
                return BatchExpired(
                    "the batch expired before this request was answered", provider=self._errors.provider
                )
            case "canceled":
                return self._failed("the batch was cancelled before this request was answered")

    def _failed(self, why: str) -> BatchFailed:
        return BatchFailed(why, provider=self._errors.provider)
