"""What the OpenAPI document promises holds for whatever is sent: no 5xx, no undeclared status, no other form."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext, suppress
from typing import Any

import aiohttp
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed
from hypothesis import settings as bounds
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app.client.client import Client
from app.settings import ModelSettings, Settings
from tests.gateway.compatibility import current
from tests.gateway.requests import finish, submit
from topics import TASKS

#: How many requests of each operation are by its schema, and how many against it.
EXAMPLES = {GenerationMode.POSITIVE: 6, GenerationMode.NEGATIVE: 2}
CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
_BOUNDS: dict[str, Any] = {
    "database": None,
    "deadline": None,
    "phases": [Phase.generate],
    "suppress_health_check": list(HealthCheck),
}
#: What there is, so that not everything is answered with 404.
KNOWN = {"workflow": "ask", "adapter": "scripted", "model": "gpt", "version": 1, "name": "approved"}


@schemathesis.serializer("application/jsonl", "application/x-ndjson")
def lines(_: Any, value: Any) -> bytes:
    """Return a body of lines, which the document gives as a text."""
    return str(value).encode(errors="replace")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"models": {"gpt": ModelSettings(provider="scripted")}})


def examples(document: dict[str, Any]) -> list[Case[Any]]:
    """Return requests of every operation of a document, always the same."""
    found: list[Case[Any]] = []

    def take(case: Case[Any]) -> None:
        found.append(case)

    for one in schemathesis.openapi.from_dict(document).get_all_operations():
        assert isinstance(one, Ok), one
        for mode, count in EXAMPLES.items():
            strategy = one.ok().as_strategy(mode)
            with suppress(Unsatisfiable) if mode is GenerationMode.NEGATIVE else nullcontext():  # nothing can be wrong
                seed(1)(bounds(max_examples=count, **_BOUNDS)(given(strategy)(take)))()
    return found


# Requests are made before the gateway runs: hypothesis minds if random numbers are drawn beside it.
@pytest.fixture
def requests() -> list[Case[Any]]:
    """Requests of the document."""
    return examples(current())


@pytest.fixture
def too_little() -> list[Case[Any]]:
    """Requests of a document that lacks a status."""
    document, path = current(), "/v1/runs/{task_id}"
    del document["paths"][path]["get"]["responses"]["404"]
    return examples({**document, "paths": {path: document["paths"][path]}})


@asynccontextmanager
async def answering(client: Client) -> AsyncIterator[None]:
    """Answer every task at once, as a worker would in time."""

    async def work() -> None:
        async with client.read(TASKS) as reader:
            async for record in reader.coming(3600):
                task = TASKS.parse(record.value, max_bytes=1 << 24)
                texts = task.input.get("texts")
                vectors: Any = ["AACAPwAAAAA="] * len(texts) if isinstance(texts, list) else "because"
                await finish(client, str(task.id), answer=vectors)

    working = asyncio.create_task(work())
    try:
        yield
    finally:
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working


def faults(case: Case[Any], url: str, known: dict[str, Any]) -> list[str]:
    """Send a request, and return what of the answer is not in the document; `known` replaces what it names."""
    case.path_parameters = {name: known.get(name, value) for name, value in (case.path_parameters or {}).items()}
    if isinstance(case.body, dict):
        case.body = {name: known.get(name, value) for name, value in case.body.items()}
    response = case.call(base_url=url, timeout=60)
    try:
        case.validate_response(response, checks=CHECKS)
    except FailureGroup as group:
        return [f"{case.as_curl_command()}\n{one}" for one in group.exceptions]
    return []


async def test_that_the_document_holds(requests: list[Case[Any]], http: aiohttp.ClientSession, client: Client) -> None:
    url, found = str(http._base_url).rstrip("/"), list[str]()
    async with answering(client):
        task = await submit(http)
        await finish(client, task)
        for number, case in enumerate(requests):
            found += await asyncio.to_thread(faults, case, url, {**KNOWN, "task_id": task} if number % 2 else {})
    assert not found, "\n\n".join(found)


async def test_that_a_document_that_does_not_hold_is_noticed(
    too_little: list[Case[Any]], http: aiohttp.ClientSession
) -> None:
    url = str(http._base_url).rstrip("/")
    found = [await asyncio.to_thread(faults, case, url, {}) for case in too_little]
    assert any("404" in one for faults_ in found for one in faults_)
