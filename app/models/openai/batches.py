"""OpenAI's Batch API: a file of requests is uploaded, and a file of results downloaded."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any

from pydantic import BaseModel

from app.errors import BatchExpired, BatchFailed, InvalidRequest, ModelError
from app.models.answers.json_data import mapping, objects, text
from app.models.base import BatchResults, Completion
from app.models.http.batch_files import Answer, latest, parse_body, read_answers, read_item
from app.models.http.errors import ErrorTranslator
from app.models.http.http_client import HttpClient
from app.models.openai.dialect import Dialect
from app.models.usage import count

#: The only completion window that the API supports.
_WINDOW = "24h"
_UNDER_WAY = frozenset({"validating", "in_progress", "finalizing", "cancelling"})
_ENDED = frozenset({"completed", "failed", "expired", "cancelled", "canceled"})
_OK = range(200, 300)
_EXPIRED = "batch_expired"
#: What tells in the metadata of a batch how its requests are called, and how many of the last batches are looked at.
_NAMES, _LISTED = "names", 100


class _Created(BaseModel):
    id: str


class _State(BaseModel):
    status: str
    output_file_id: str | None = None
    error_file_id: str | None = None
    errors: Any = None

    @property
    def under_way(self) -> bool:
        """Whether it has not ended; other servers have other states, too, such as `queued`."""
        status = self.status.lower()
        return status in _UNDER_WAY or not (status in _ENDED or self.output_file_id or self.error_file_id)


class _Listed(BaseModel):
    id: str
    metadata: Mapping[str, Any] | None = None


class _List(BaseModel):
    data: tuple[_Listed, ...] = ()


class OpenAIBatches:
    """The batches of one endpoint; requests and answers are in a dialect."""

    def __init__(self, http: HttpClient, errors: ErrorTranslator, dialect: Dialect) -> None:
        self._http = http
        self._errors = errors
        self._dialect = dialect

    async def submit(self, requests: Mapping[str, Mapping[str, Any]], *, timeout: float) -> str:
        """Submit a batch; return its id.

        Raises:
            ModelError: one of its subclasses.
        """
        url = f"/v1{self._dialect.path}"
        about = {
            "created_by": "meta-ai-orchestrator",
            "requests": str(len(requests)),
            "first": next(iter(requests)),
            _NAMES: _digest(requests),
        }
        file = ("meta-ai-orchestrator.jsonl", _file(requests, url), "application/jsonl")

        async def hand_in(client: Any, options: Mapping[str, Any]) -> Any:
            raw = await client.files.with_raw_response.create(file=file, purpose="batch", **options)
            uploaded = parse_body(raw.content, _Created, self._errors)
            return await client.batches.with_raw_response.create(
                input_file_id=uploaded.id, endpoint=url, completion_window=_WINDOW, metadata=about, **options
            )

        raw = await self._http.use(hand_in, timeout=timeout)
        return parse_body(raw.content, _Created, self._errors).id

    async def find(self, requests: Mapping[str, Mapping[str, Any]], *, timeout: float) -> str | None:
        """Return the id of a batch of requests of these names, among those made last.

        Raises:
            ModelError: one of its subclasses.
        """

        async def list_last(client: Any, options: Mapping[str, Any]) -> Any:
            return await client.batches.with_raw_response.list(limit=_LISTED, **options)

        wanted = _digest(requests)
        raw = await self._http.use(list_last, timeout=timeout)
        batches = parse_body(raw.content, _List, self._errors).data
        return next((one.id for one in batches if (one.metadata or {}).get(_NAMES) == wanted), None)

    async def collect(self, batch: str, *, timeout: float) -> BatchResults | None:
        """Return the results of a batch; None while it is still running.

        Raises:
            ModelError: one of its subclasses.
        """

        async def look(client: Any, options: Mapping[str, Any]) -> Any:
            return await client.batches.with_raw_response.retrieve(batch, **options)

        raw = await self._http.use(look, timeout=timeout)
        state = parse_body(raw.content, _State, self._errors)
        if state.under_way:
            return None
        answers = read_answers(await self._file(state.output_file_id, timeout), self._answer, self._errors)
        found = [*answers, *await self._failures(state.error_file_id, timeout)]
        return BatchResults(latest(found), self._rest(state))

    async def _file(self, name: str | None, timeout: float) -> bytes:
        async def fetch(client: Any, options: Mapping[str, Any]) -> bytes:
            return bytes((await client.files.content(name, **options)).content)

        return await self._http.use(fetch, timeout=timeout) if name else b""

    async def _failures(self, name: str | None, timeout: float) -> list[Answer]:
        """Return what is in the file of errors: if it is gone or damaged, its requests have failed all the same."""
        try:
            file = await self._file(name, timeout)
        except InvalidRequest:
            return []
        try:
            return list(read_answers(file, self._answer, self._errors))
        except ModelError:
            return []

    def _answer(self, line: Mapping[str, Any]) -> Completion | ModelError:
        response = mapping(line.get("response"))
        if not response:
            return self._unanswered(mapping(line.get("error")))
        status, body = count(response.get("status_code")), response.get("body")
        if status is not None and status not in _OK:
            return self._errors.answered(status, body)
        if body is None:
            return self._errors.malformed(json.dumps(line))
        return read_item(body, self._dialect.assembler(self._errors))

    def _unanswered(self, error: Mapping[str, Any]) -> ModelError:
        message = self._errors.clean(text(error.get("message")) or "the batch has no answer for this request")
        kind = BatchExpired if error.get("code") == _EXPIRED else BatchFailed
        return kind(message, provider=self._errors.provider)

    def _rest(self, state: _State) -> ModelError:
        """Return the error of requests that are in no file."""
        if state.status == "expired":
            return BatchExpired("the batch expired before this request was answered", provider=self._errors.provider)
        told = [why for fault in objects(mapping(state.errors).get("data")) if (why := text(fault.get("message")))]
        message = f"the batch is {state.status}, without an answer for this request"
        return BatchFailed(self._errors.clean(": ".join([message, *told[:1]])), provider=self._errors.provider)


def _digest(names: Iterable[str]) -> str:
    return blake2b("\n".join(sorted(names)).encode(), digest_size=16).hexdigest()


def _file(requests: Mapping[str, Mapping[str, Any]], url: str) -> bytes:
    entries = ({"custom_id": name, "method": "POST", "url": url, "body": body} for name, body in requests.items())
    return "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries).encode()
