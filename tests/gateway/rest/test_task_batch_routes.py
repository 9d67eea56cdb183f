from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any

import aiohttp
import pytest

from app.client.client import Client
from app.errors import BrokerError
from app.gateway import guard
from app.gateway.rest import task_batch_routes
from app.gateway.views.task_log import TaskLog
from tests.gateway.requests import call, finish
from tests.gateway.rest.test_task_routes import tasks
from topics.tasks import Task

LINES = {"Content-Type": "application/x-ndjson"}
TASK = {"input": {"question": "why?"}}


async def post(http: aiohttp.ClientSession, data: Any) -> list[dict[str, Any]]:
    async with http.post("/v1/tasks/batch", data=data, headers=LINES) as answer:
        text = await answer.text()
        assert (answer.status, answer.content_type) == (200, "application/x-ndjson"), text
        return [json.loads(line) for line in text.splitlines()]


def body(*given: Any) -> bytes:
    return b"".join((one if isinstance(one, bytes) else json.dumps(one).encode()) + b"\n" for one in given)


async def test_that_each_line_becomes_a_task(http: aiohttp.ClientSession, client: Client) -> None:
    asked = {**TASK, "tenant": "acme", "priority": -3, "metadata": {"a": "b"}}
    said = await post(http, body(asked, TASK))
    assert [(one["line"], one["status"]) for one in said] == [(1, "accepted"), (2, "accepted")]
    ids = [one["id"] for one in said]
    sent = {task.id: task for task in await tasks(client)}
    assert sent == {
        ids[0]: Task.model_validate({**asked, "id": ids[0]}),
        ids[1]: Task.model_validate({**TASK, "id": ids[1]}),
    }
    await finish(client, ids[1])
    status, result = await call(http, "GET", said[1]["result"], Prefer="wait=20")
    assert (status, result["answer"]) == (200, "because")


async def test_that_a_bad_line_does_not_hold_up_the_others(http: aiohttp.ClientSession, client: Client) -> None:
    bad: dict[bytes, tuple[int, str]] = {
        b'{"in': (400, "not_json"),
        b"3": (422, "invalid_request"),
        b'{"input": {}, "id": "mine"}': (422, "invalid_request"),
        b'{"input": {}, "workflow": "absent"}': (422, "unknown_workflow"),
        b'{"input": {"a": NaN}}': (422, "not_json"),
        b'{"input": {"a": "\\ud800"}}': (400, "not_json"),
        b'{"input": {"a": ' + b"[" * 200 + b"]" * 200 + b"}}": (422, "too_deep"),
        b'{"input": {"a": "' + b"x" * 1024 * 1024 + b'"}}': (413, "too_large"),
        b'{"input": {}, "idempotency_key": "a b"}': (422, "invalid_request"),
    }
    said = await post(http, BytesIO(body(TASK, *bad, b"", TASK)))
    assert [one["line"] for one in said] == [1, *range(2, len(bad) + 2), len(bad) + 3]
    assert [one["status"] for one in said] == ["accepted", *["refused"] * len(bad), "accepted"]
    found = [(one["problem"]["status"], one["problem"]["code"]) for one in said[1:-1]]
    assert found == list(bad.values())
    assert said[2]["problem"]["detail"].startswith("body: ")
    assert said[3]["problem"]["errors"][0]["at"] == "body.id"
    assert len(await tasks(client)) == 2


async def test_that_a_key_stands_for_one_task_in_lines_and_in_requests(
    http: aiohttp.ClientSession, client: Client
) -> None:
    _, single = await call(http, "POST", "/v1/tasks", TASK, Idempotency_Key="k")
    keyed = {**TASK, "idempotency_key": "k"}
    said = await post(http, body(keyed, keyed, {**keyed, "priority": 1}, {**keyed, "idempotency_key": "other"}))
    assert [one.get("id") for one in said[:2]] == [single["id"]] * 2
    assert (said[2]["problem"]["status"], said[2]["problem"]["code"]) == (409, "idempotency_conflict")
    assert said[3]["id"] != single["id"]
    assert len(await tasks(client)) == 2


async def test_that_lines_are_sent_while_more_of_them_come(http: aiohttp.ClientSession, client: Client) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield body(TASK)
        async with asyncio.timeout(20):
            while not await tasks(client):  # noqa: ASYNC110  # nothing tells it
                await asyncio.sleep(0.05)
        yield body(TASK)

    assert [one["status"] for one in await post(http, endless())] == ["accepted"] * 2


async def test_that_only_so_many_are_under_way_at_once(
    http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit, now, most = TaskLog.submit, 0, 0

    async def counted(self: TaskLog, task: Task) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await submit(self, task)
        now -= 1

    monkeypatch.setattr(TaskLog, "submit", counted)
    monkeypatch.setattr(task_batch_routes, "_MOST_PENDING", 3)
    assert len(await post(http, body(*[TASK] * 20))) == 20
    assert most == 3
    monkeypatch.setattr(task_batch_routes, "_MOST_PENDING_BYTES", 2 * len(body(TASK)))
    most = 0
    assert len(await post(http, body(*[TASK] * 20))) == 20
    assert most == 2


async def test_that_lines_beyond_the_limit_are_not_sent(
    http: aiohttp.ClientSession, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_batch_routes, "MOST_LINES", 2)
    said = await post(http, body(*[TASK] * 5))
    assert [one["status"] for one in said] == ["accepted", "accepted", "refused"]
    assert (said[2]["line"], said[2]["problem"]["code"]) == (3, "too_many_lines")
    assert len(await tasks(client)) == 2


async def test_that_a_body_that_stops_says_what_was_accepted(
    http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "_BODY_SECONDS", 0.1)

    async def slow() -> AsyncIterator[bytes]:
        yield body(TASK) + b'{"inp'
        await asyncio.sleep(30)

    said = await post(http, slow())
    assert [one["status"] for one in said] == ["accepted", "refused"]
    assert (said[1]["line"], said[1]["problem"]["code"]) == (2, "request_timeout")


async def test_that_nothing_is_tried_again_once_the_broker_has_failed(
    http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = 0

    async def send(*_: Any, **__: Any) -> Any:
        nonlocal tried
        tried += 1
        raise BrokerError("the broker did not acknowledge an event")

    monkeypatch.setattr("app.gateway.views.task_log.put", send)
    monkeypatch.setattr(task_batch_routes, "_MOST_PENDING", 2)
    said = await post(http, body(*[TASK] * 10))
    assert [one["problem"]["code"] for one in said] == ["broker"] * 10
    assert tried <= 2


async def test_that_a_batch_is_lines(http: aiohttp.ClientSession) -> None:
    for kind, status in (("application/jsonl", 200), ("application/json", 415), ("text/plain", 415)):
        async with http.post("/v1/tasks/batch", data=b"", headers={"Content-Type": kind}) as answer:
            assert answer.status == status
