from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import numpy as np
import pytest

from app.client.client import Client
from app.gateway.openai.embedding_routes import MOST_TEXTS
from app.settings import Settings
from app.vectors import encode
from app.workflows.definition.builtin import workflows
from tests.gateway.openai.test_chat_routes import next_task
from tests.gateway.requests import call, finish

PATH = "/v1/embeddings"
VECTORS = [encode(np.array([0.5, -1.0])), encode(np.array([1.0, 0.25]))]


@pytest.mark.parametrize(
    ("form", "shown"), [("base64", VECTORS), ("float", [[0.5, -1.0], [1.0, 0.25]]), (None, [[0.5, -1.0], [1.0, 0.25]])]
)
async def test_that_texts_become_a_task_and_its_result_vectors(
    http: aiohttp.ClientSession, client: Client, form: str | None, shown: list[Any]
) -> None:
    asked = {"model": "minilm", "input": ["a", "b"], **({"encoding_format": form} if form else {})}
    asking = asyncio.create_task(call(http, "POST", PATH, asked))
    task = await next_task(client)
    assert (task.workflow, task.input) == ("embed", {"texts": ["a", "b"]})
    await finish(client, str(task.id), answer=VECTORS)
    status, said = await asking
    assert (status, [one["embedding"] for one in said["data"]]) == (200, shown)
    assert [one["index"] for one in said["data"]] == [0, 1]


async def test_that_a_failure_is_an_error_of_this_api(http: aiohttp.ClientSession, client: Client) -> None:
    asking = asyncio.create_task(call(http, "POST", PATH, {"model": "minilm", "input": "a"}))
    task = await next_task(client)
    error = {"code": "connector_unavailable", "message": "away"}
    await finish(client, str(task.id), status="failed", answer=None, error=error)
    status, said = await asking
    assert (status, said["error"]["code"]) == (502, "connector_unavailable")


@pytest.mark.parametrize("texts", [[], [""], ["a"] * (MOST_TEXTS + 1), [1, 2], [[1]], 7, None])
async def test_that_what_cannot_be_embedded_is_refused(http: aiohttp.ClientSession, texts: Any) -> None:
    status, said = await call(http, "POST", PATH, {"model": "minilm", "input": texts})
    assert (status, said["error"]["code"], said["error"]["param"].split(".")[0]) == (400, "invalid_request", "input")


def test_that_the_workflow_takes_as_many() -> None:
    schema: Any = {one.id: one for one in workflows(Settings())}["embed"].input
    assert schema["properties"]["texts"]["maxItems"] == MOST_TEXTS
