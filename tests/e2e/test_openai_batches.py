"""Files and batches with OpenAI's own SDK, unchanged: the real processes, and models that follow a script."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import openai
import pytest
from openai.types import Batch

from tests.e2e.commands import PATIENCE, Cli
from tests.e2e.test_gateway import ready

pytestmark = pytest.mark.slow

_CONFIG = """\
app_id: gateway
topics: {partitions: 2}
models:
  plain: {provider: scripted, options: {default: "This is the answer."}}
  dear: {provider: scripted, options: {default: "word"}, price: {output: 500000}}
ask: {models: [plain], retrieve: false}
retrieval: {embedder: hashing}
budgets: [{name: acme, tenant: acme, limit: 1.0, reserve: 0.5}]
server: {port: 0}
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("gateway")
    (folder / "meta-ai.yaml").write_text(_CONFIG, encoding="utf-8")
    cli = Cli(folder)
    with cli.hosted():
        yield json.loads((folder / ".meta-ai" / "run.json").read_text(encoding="utf-8"))["gateway"]


@pytest.fixture
async def client(address: str) -> AsyncIterator[openai.AsyncOpenAI]:
    await ready(address)
    async with openai.AsyncOpenAI(base_url=f"http://{address}/v1", api_key="unused", timeout=PATIENCE) as found:
        yield found


def chat(model: str = "plain", **fields: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": "why?"}], **fields}


async def run(client: openai.AsyncOpenAI, endpoint: Any, *bodies: dict[str, Any]) -> Batch:
    """Return a batch of these requests, when it is completed."""
    lines = (
        {"custom_id": str(number), "method": "POST", "url": endpoint, "body": body}
        for number, body in enumerate(bodies)
    )
    data = "\n".join(map(json.dumps, lines)).encode()
    file = await client.files.create(file=("in.jsonl", data), purpose="batch")
    assert (file.bytes, file.status) == (len(data), "processed")
    assert (await client.files.content(file.id)).content == data
    batch = await client.batches.create(input_file_id=file.id, endpoint=endpoint, completion_window="24h")
    async with asyncio.timeout(PATIENCE):
        while (batch := await client.batches.retrieve(batch.id)).status != "completed":
            assert batch.status in {"validating", "in_progress", "finalizing"}
            await asyncio.sleep(0.1)
    return batch


async def lines(client: openai.AsyncOpenAI, file_id: str | None) -> dict[str, Any]:
    assert file_id
    content = await client.files.content(file_id)
    return {(one := json.loads(text))["custom_id"]: one["response"] for text in content.text.splitlines()}


async def test_that_a_batch_is_answered_line_by_line(client: openai.AsyncOpenAI) -> None:
    batch = await run(client, "/v1/chat/completions", *(chat() for _ in range(150)), chat("absent"))
    counts = batch.request_counts
    assert counts
    assert (counts.total, counts.completed, counts.failed) == (151, 150, 1)
    answers = await lines(client, batch.output_file_id)
    assert answers.keys() == {str(number) for number in range(150)}
    assert {one["body"]["choices"][0]["message"]["content"] for one in answers.values()} == {"This is the answer."}
    (error,) = (await lines(client, batch.error_file_id)).values()
    with pytest.raises(openai.NotFoundError) as raised:
        await client.chat.completions.create(**chat("absent"))
    assert (error["status_code"], error["body"]["error"]["code"]) == (404, raised.value.code)
    assert batch.id in [one.id async for one in client.batches.list(limit=1)]
    listed = [one.id async for one in client.files.list(purpose="batch_output", limit=1)]
    assert {batch.output_file_id, batch.error_file_id} <= {*listed}
    assert batch.error_file_id
    assert (await client.files.delete(batch.error_file_id)).deleted
    with pytest.raises(openai.NotFoundError):
        await client.files.retrieve(batch.error_file_id)
    with pytest.raises(openai.ConflictError):
        await client.batches.cancel(batch.id)


async def test_that_a_budget_holds_for_batches_as_for_single_calls(client: openai.AsyncOpenAI) -> None:
    acme = {"meta_ai": {"tenant": "acme"}}
    batch = await run(client, "/v1/chat/completions", *(chat("dear", **acme) for _ in range(5)), chat("dear"))
    counts = batch.request_counts
    assert counts
    assert (counts.completed, counts.failed) == (3, 3)  # the limit pays for two of them, and is not that of the last
    refused = await lines(client, batch.error_file_id)
    assert {(one["status_code"], one["body"]["error"]["code"]) for one in refused.values()} == {
        (429, "budget_exceeded")
    }
    with pytest.raises(openai.RateLimitError) as raised:
        await client.chat.completions.create(**chat("dear"), extra_body=acme)
    assert raised.value.code == "budget_exceeded"


async def test_that_responses_and_embeddings_come_in_batches_too(client: openai.AsyncOpenAI) -> None:
    batch = await run(client, "/v1/responses", {"model": "plain", "input": "why?"})
    (answer,) = (await lines(client, batch.output_file_id)).values()
    assert answer["body"]["output"][0]["content"][0]["text"] == "This is the answer."
    batch = await run(client, "/v1/embeddings", {"model": "hashing", "input": ["a", "b"]})
    (answer,) = (await lines(client, batch.output_file_id)).values()
    single = await client.embeddings.create(model="hashing", input=["a", "b"], encoding_format="float")
    assert [one["embedding"] for one in answer["body"]["data"]] == [one.embedding for one in single.data]


async def test_that_a_batch_is_cancelled(client: openai.AsyncOpenAI) -> None:
    body = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": chat()}
    file = await client.files.create(file=("in.jsonl", json.dumps(body).encode()), purpose="batch")
    batch = await client.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h", metadata={"a": "b"}
    )
    assert (await client.batches.cancel(batch.id)).status == "cancelling"
    async with asyncio.timeout(PATIENCE):
        while (batch := await client.batches.retrieve(batch.id)).status not in {"cancelled", "completed"}:  # noqa: ASYNC110  # nothing tells it
            await asyncio.sleep(0.1)
    assert batch.metadata == {"a": "b"}
