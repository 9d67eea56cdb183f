"""Anthropic's message batches."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import httpx2
from pydantic import BaseModel

from app.errors import BatchExpired, BatchFailed, ModelError
from app.models.answers.json_data import mapping
from app.models.anthropic.message_answer import MessageAssembler
from app.models.base import BatchResults, Completion
from app.models.http.batch_files import latest, parse_body, read_answers, read_item
from app.models.http.errors import ErrorTranslator
from app.models.http.http_client import HttpClient


class _Created(BaseModel):
    id: str


class _State(BaseModel):
    processing_status: str


class AnthropicBatches:
    """The message batches of one endpoint."""

    def __init__(self, http: HttpClient, errors: ErrorTranslator) -> None:
        self._http = http
        self._errors = errors

    async def submit(self, requests: Mapping[str, Mapping[str, Any]], *, timeout: float) -> str:
        """Submit a batch; return its id. The API takes no metadata: the request names identify the batch.

        Raises:
            ModelError: one of its subclasses.
        """
        entries = [{"custom_id": name, "params": dict(body)} for name, body in requests.items()]

        async def hand_in(client: Any, options: Mapping[str, Any]) -> bytes:
            raw = await client.messages.batches.with_raw_response.create(requests=entries, **options)
            return bytes(await raw.read())

        return parse_body(await self._http.use(hand_in, timeout=timeout), _Created, self._errors).id

    async def collect(self, batch: str, *, timeout: float) -> BatchResults | None:
        """Return the results of a batch; None while it is still running.

        Raises:
            ModelError: one of its subclasses.
        """

        async def look(client: Any, options: Mapping[str, Any]) -> bytes | None:
            raw = await client.messages.batches.with_raw_response.retrieve(batch, **options)
            if parse_body(await raw.read(), _State, self._errors).processing_status != "ended":
                return None
            # Not the address in the answer, to which the key would be sent.
            request = {"headers": options["extra_headers"], "timeout": options["timeout"]}
            answer = await client.get(f"/v1/messages/batches/{batch}/results", cast_to=httpx2.Response, options=request)
            return bytes(answer.content)

        file = await self._http.use(look, timeout=timeout)
        if file is None:
            return None
        found = read_answers(file, self._answer, self._errors)
        return BatchResults(latest(found), self._failed("the batch has ended without an answer for this request"))

    def _answer(self, line: Mapping[str, Any]) -> Completion | ModelError:
        result = mapping(line.get("result"))
        match result.get("type"):
            case "errored":
                return self._errors.reported(result.get("error"))
            case "expired":
                why = "the batch expired before this request was answered"
                return BatchExpired(why, provider=self._errors.provider)
            case "canceled":
                return self._failed("the batch was cancelled before this request was answered")
        if not isinstance(result.get("message"), dict):
            return self._errors.malformed(json.dumps(line))
        return read_item(result["message"], MessageAssembler(self._errors))

    def _failed(self, why: str) -> BatchFailed:
        return BatchFailed(why, provider=self._errors.provider)
