from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from app.client.client import Client
from app.client.topic_ranges import read_since
from app.gateway.views import answer_stream
from app.settings import ModelSettings, Settings
from tests.gateway.requests import call, deploy, events, finish, say, waiting
from topics import SIGNALS, TASKS
from topics.model_responses import Usage
from topics.results import Candidate, Citation
from topics.tasks import Task

ASKED: dict[str, Any] = {"model": "big", "messages": [{"role": "user", "content": "Why?"}]}
PATH = "/v1/chat/completions"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"models": {"big": ModelSettings(provider="scripted")}})


async def next_task(client: Client, number: int = 1) -> Task:
    """Return the last of so many tasks as soon as it is there."""
    async with asyncio.timeout(20):
        while len(records := await read_since(client, None, [TASKS])) < number:  # noqa: ASYNC110  # nothing tells it
            await asyncio.sleep(0.05)
    return TASKS.parse(max(records, key=lambda one: one.timestamp).value, max_bytes=10_000)


async def answered(client: Client, task: Task, **fields: Any) -> None:
    candidate = Candidate(branch="big", model="big", text="because", chosen=True, finish_reason="stop")
    known = {"candidates": (candidate,), "usage": Usage(input_tokens=2, output_tokens=1, cost=0.5)} | fields
    await finish(client, str(task.id), **known)


async def test_that_a_conversation_becomes_a_task_and_its_result_an_answer(
    http: aiohttp.ClientSession, client: Client
) -> None:
    asking = asyncio.create_task(call(http, "POST", PATH, {**ASKED, "metadata": {"a": "b"}, "temperature": 1}))
    task = await next_task(client)
    assert (task.workflow, task.metadata) == ("passthrough", {"a": "b"})
    overrides = {"models": ["big"], "stream": False, "sampling": {"temperature": 1.0}}
    assert task.input == {"messages": ASKED["messages"], "overrides": overrides}
    source = Citation(number=1, document_id="d", source="d.md", lines=(1, 2))
    await answered(client, task, citations=(source,), degraded=True)
    status, said = await asking
    assert (status, said["choices"][0]["message"]["content"]) == (200, "because")
    assert said["usage"]["total_tokens"] == 3
    assert said["meta_ai"]["sources"][0]["source"] == "d.md"
    assert said["meta_ai"]["degraded"]


async def test_that_a_key_stands_for_one_answer(http: aiohttp.ClientSession, client: Client) -> None:
    asking = asyncio.create_task(call(http, "POST", PATH, ASKED, Idempotency_Key="k"))
    await answered(client, await next_task(client))
    first = await asking
    assert await call(http, "POST", PATH, ASKED, Idempotency_Key="k") == first
    status, said = await call(http, "POST", PATH, {**ASKED, "seed": 1}, Idempotency_Key="k")
    assert (status, said["error"]["code"]) == (409, "idempotency_conflict")
    async with http.post(PATH, json={**ASKED, "seed": 2, "stream": True}, headers={"Idempotency-Key": "k"}) as answer:
        assert answer.status == 409


async def streamed(answer: aiohttp.ClientResponse) -> list[Any]:
    data = [event["data"] async for event in events(answer) if "data" in event]
    return [one if one == "[DONE]" else json.loads(one) for one in data]


async def test_that_a_stream_tells_pieces_then_calls_then_the_end(http: aiohttp.ClientSession, client: Client) -> None:
    asked = {**ASKED, "stream": True, "stream_options": {"include_usage": True}}
    asking = asyncio.create_task(http.post(PATH, json=asked).__aenter__())
    task = await next_task(client)
    await say(client, str(task.id), 0, "Hm", kind="reasoning")
    answer = await asking
    assert answer.headers["X-Meta-AI-Run-Id"] == task.id
    await say(client, str(task.id), 1, "be")
    await say(client, str(task.id), 0, "other", step="another", stream="o#1.1")
    await say(client, str(task.id), 2, "cause", end=True)
    calls = [{"id": "c", "name": "f", "arguments": "{}"}]
    await answered(client, task, tool_calls=calls)
    async with asyncio.timeout(20):
        *chunks, end, usage, done = await streamed(answer)
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert deltas[:2] == [{"role": "assistant", "content": ""}, {"reasoning_content": "Hm"}]
    assert "".join(delta.get("content", "") for delta in deltas) == "because"
    called = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    assert deltas[-1] == {"tool_calls": [called]}
    assert (end["choices"][0]["finish_reason"], end["usage"], end["meta_ai"]["cost"]) == ("tool_calls", None, 0.5)
    assert (usage["choices"], usage["usage"]["total_tokens"], done) == ([], 3, "[DONE]")


@pytest.mark.parametrize(
    ("pieces", "fields", "code"),
    [
        (
            ["be"],
            {"status": "failed", "answer": None, "error": {"code": "unavailable", "message": "gone"}},
            "unavailable",
        ),
        (["something else"], {}, "stream_restarted"),
    ],
)
async def test_that_a_stream_that_cannot_go_on_says_so(
    http: aiohttp.ClientSession, client: Client, pieces: list[str], fields: dict[str, Any], code: str
) -> None:
    asking = asyncio.create_task(http.post(PATH, json={**ASKED, "stream": True}).__aenter__())
    task = await next_task(client)
    for index, text in enumerate(pieces):
        await say(client, str(task.id), index, text, end=True)
    answer = await asking
    await answered(client, task, **fields)
    async with asyncio.timeout(20):
        *_, last = await streamed(answer)
    assert last["error"]["code"] == code


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("budget_exceeded", 429, "insufficient_quota"),
        ("rate_limited", 429, "rate_limit_error"),
        ("deadline_exceeded", 504, "server_error"),
        ("invalid_input", 400, "invalid_request_error"),
        ("quorum_not_met", 502, "server_error"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_that_a_failed_run_is_an_error_that_is_not_tried_again(
    http: aiohttp.ClientSession,
    client: Client,
    code: str,
    status: int,
    kind: str,
    stream: bool,  # noqa: FBT001  # a parameter of the test
) -> None:
    asking = asyncio.create_task(http.post(PATH, json={**ASKED, "stream": stream}).__aenter__())
    task = await next_task(client)
    await finish(client, str(task.id), status="failed", answer=None, error={"code": code, "message": "so"})
    async with asyncio.timeout(20):
        answer = await asking
        error = (await answer.json())["error"]
    assert (answer.status, error["type"], error["code"]) == (status, kind, code)
    assert answer.headers["X-Should-Retry"] == "false"
    assert str(task.id) in error["message"]


async def test_that_a_client_that_goes_away_cancels_its_run_and_only_then(
    http: aiohttp.ClientSession, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answer_stream, "KEEP_ALIVE_SECONDS", 0.5)
    asking = asyncio.create_task(http.post(PATH, json={**ASKED, "stream": True}).__aenter__())
    kept = await next_task(client)
    answer = await asking
    assert {"comment": "keep-alive"} in [event async for _, event in _first(events(answer), 2)]
    await answered(client, kept)
    assert [event async for event in events(answer)][-1] == {"data": "[DONE]"}
    asking = asyncio.create_task(http.post(PATH, json={**ASKED, "stream": True}).__aenter__())
    left = await next_task(client, 2)
    (await asking).close()
    async with asyncio.timeout(20):
        while not (records := await read_since(client, None, [SIGNALS])):  # noqa: ASYNC110  # nothing tells it
            await asyncio.sleep(0.05)
    (signal,) = [SIGNALS.parse(record.value, max_bytes=10_000) for record in records]
    assert (signal.task_id, signal.kind) == (left.id, "cancel")


async def _first(stream: Any, count: int) -> Any:
    for number in range(count):
        yield number, await anext(stream)


async def test_that_refusals_have_the_form_that_clients_of_this_path_know(http: aiohttp.ClientSession) -> None:
    headers = {"Content-Type": "text/plain"}
    async with http.post(PATH, data="{}", headers=headers) as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (415, "unsupported_media_type")
    async with http.post(PATH, data="{", headers={"Content-Type": "application/json"}) as answer:
        assert (answer.status, (await answer.json())["error"]["type"]) == (400, "invalid_request_error")
    async with http.get(PATH) as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (405, "method_not_allowed")
        assert answer.headers["X-Request-Id"]


async def test_that_a_workflow_is_a_model_as_soon_as_it_is_deployed(
    http: aiohttp.ClientSession, client: Client
) -> None:
    asked = {**ASKED, "model": "refund", "stream": True, "meta_ai": {"tenant": "acme", "priority": 2}}
    status, said = await call(http, "POST", PATH, asked)
    assert (status, said["error"]["code"]) == (404, "model_not_found")
    await deploy(client, "refund", 1, waiting("approved"))
    asking = asyncio.create_task(http.post(PATH, json=asked).__aenter__())
    task = await next_task(client)
    given = {"question": "Why?", "messages": ASKED["messages"]}
    assert (task.workflow, task.tenant, task.priority, task.input) == ("refund", "acme", 2, given)
    await finish(client, str(task.id), answer={"so": "ü"})
    async with asyncio.timeout(20):
        _, text, *_ = await streamed(await asking)
    assert text["choices"][0]["delta"]["content"] == '{"so": "ü"}'
