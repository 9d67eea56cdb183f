from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import aiohttp
import pytest

from app.brokers.base import Connection
from app.client.client import Client
from app.gateway.batches import batch_rounds, batch_routes
from app.gateway.server import serve_gateway
from app.settings import ModelSettings, Settings
from tests.gateway.files.test_file_routes import read, upload
from tests.gateway.requests import call, finish
from tests.gateway.rest.test_task_routes import tasks
from topics.base import Failure

CHAT = {"model": "m", "messages": [{"role": "user", "content": "why?"}]}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    group = settings.topics.prefix + "app"  # no test is a member of another's
    return settings.model_copy(update={"models": {"m": ModelSettings(provider="scripted")}, "app_id": group})


def line(custom_id: str, body: Any = None, **fields: Any) -> dict[str, Any]:
    known = {"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions", "body": body or CHAT}
    return known | fields


async def begin(http: aiohttp.ClientSession, *lines: Any, endpoint: str = "/v1/chat/completions") -> str:
    data = b"\n".join(one if isinstance(one, bytes) else json.dumps(one).encode() for one in lines)
    _, file = await upload(http, data)
    asked = {"input_file_id": file["id"], "endpoint": endpoint, "completion_window": "24h", "metadata": {"a": "b"}}
    status, batch = await call(http, "POST", "/v1/batches", asked)
    assert (status, batch["status"], batch["metadata"]) == (200, "validating", {"a": "b"})
    batch_id: str = batch["id"]
    return batch_id


async def until(http: aiohttp.ClientSession, batch_id: str, *statuses: str) -> dict[str, Any]:
    async with asyncio.timeout(60):
        while (batch := (await call(http, "GET", f"/v1/batches/{batch_id}"))[1])["status"] not in statuses:  # noqa: ASYNC110  # nothing tells it
            await asyncio.sleep(0.05)
        return batch


async def sent(client: Client, count: int) -> list[str]:
    async with asyncio.timeout(60):
        while len(found := await tasks(client)) < count:  # noqa: ASYNC110  # nothing tells it
            await asyncio.sleep(0.1)
        return [str(task.id) for task in found]


async def answers(http: aiohttp.ClientSession, file_id: str) -> dict[str, Any]:
    status, data = await read(http, f"/v1/files/{file_id}/content")
    assert status == 200
    return {(one := json.loads(text))["custom_id"]: one for text in data.splitlines()}


async def test_that_each_line_becomes_the_task_of_a_single_request_at_low_priority(
    http: aiohttp.ClientSession, client: Client
) -> None:
    bodies = [
        CHAT | {"temperature": 0.5, "meta_ai": {"tenant": "acme"}},
        CHAT | {"meta_ai": {"priority": 7}},
        CHAT | {"model": "absent"},
        CHAT | {"n": 2},
        CHAT | {"stream": True},
        CHAT | {"messages": []},
    ]
    batch_id = await begin(http, *(line(str(at), body) for at, body in enumerate(bodies)))
    ids = await sent(client, 2)
    found = {task.id: task for task in await tasks(client)}
    assert [found[one].priority for one in ids] in ([-10, 7], [7, -10])
    single = asyncio.create_task(call(http, "POST", "/v1/chat/completions", bodies[0]))
    await sent(client, 3)
    (same,) = [task for task in await tasks(client) if task.id not in ids]
    assert same.model_copy(update={"id": None, "priority": -10}) in [
        task.model_copy(update={"id": None}) for task in found.values()
    ]
    single.cancel()
    await finish(client, ids[0])
    error = Failure(code="budget_exceeded", message="the budget acme is used up")
    await finish(client, ids[1], status="failed", answer=None, error=error)
    batch = await until(http, batch_id, "completed")
    assert batch["request_counts"] == {"total": 6, "completed": 1, "failed": 5}
    assert all(batch[f"{name}_at"] for name in ("created", "in_progress", "finalizing", "completed", "expires"))
    good, bad = await answers(http, batch["output_file_id"]), await answers(http, batch["error_file_id"])
    assert len(good) == 1
    (told,) = good.values()
    assert (told["response"]["status_code"], told["error"]) == (200, None)
    assert told["response"]["body"]["choices"][0]["message"]["content"] == "because"
    codes = {
        name: (one["response"]["status_code"], one["response"]["body"]["error"]["code"]) for name, one in bad.items()
    }
    refused = {
        "2": (404, "model_not_found"),
        "3": (400, "unsupported_parameter"),
        "4": (400, "unsupported_parameter"),
        "5": (400, "invalid_request"),
    }
    (over_budget,) = codes.keys() - refused.keys()
    assert codes == {**refused, over_budget: (429, "budget_exceeded")}


@pytest.mark.parametrize(
    ("lines", "code", "at"),
    [
        ([], "empty_file", None),
        ([b"\n\n"], "empty_file", None),
        ([line("a"), b"", b"{"], "invalid_line", 3),
        ([line("a"), line("b", url="/v1/responses")], "invalid_line", 2),
        ([line("a", method="GET")], "invalid_line", 1),
        ([line("")], "invalid_line", 1),
        ([line("a"), line("b"), line("a")], "duplicate_custom_id", 3),
    ],
)
async def test_that_a_file_with_a_mistake_fails_before_anything_is_sent(
    http: aiohttp.ClientSession, client: Client, lines: list[Any], code: str, at: int | None
) -> None:
    batch = await until(http, await begin(http, *lines), "failed")
    (error,) = batch["errors"]["data"]
    assert (error["code"], error["line"]) == (code, at)
    assert batch["failed_at"]
    assert not await tasks(client)


async def test_that_another_gateway_goes_on_where_one_has_ended_and_sends_nothing_twice(
    embedded: Connection, settings: Settings, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_rounds, "ROUND_LINES", 2)
    monkeypatch.setattr(batch_rounds, "MOST_OPEN", 4)
    async with serve_gateway(settings, embedded) as one, aiohttp.ClientSession(f"http://{one}") as http:
        while (await call(http, "GET", "/v1/health"))[0] != 200:  # noqa: ASYNC110  # nothing tells it
            await asyncio.sleep(0.05)
        batch_id = await begin(http, *(line(str(number)) for number in range(7)))
        ids = await sent(client, 4)
        await asyncio.sleep(0.5)
        assert len(await tasks(client)) == 4  # the others wait for these
    done = set[str]()
    async with serve_gateway(settings, embedded) as two, aiohttp.ClientSession(f"http://{two}") as http:
        while (await call(http, "GET", "/v1/health"))[0] != 200:  # noqa: ASYNC110  # nothing tells it
            await asyncio.sleep(0.05)
        async with asyncio.timeout(60):
            while (await call(http, "GET", f"/v1/batches/{batch_id}"))[1]["status"] != "completed":
                for task_id in {*await sent(client, 4)} - done:
                    await finish(client, task_id)
                    done.add(task_id)
                await asyncio.sleep(0.1)
        batch = (await call(http, "GET", f"/v1/batches/{batch_id}"))[1]
        assert batch["request_counts"] == {"total": 7, "completed": 7, "failed": 0}
        assert batch["error_file_id"] is None
        assert (await answers(http, batch["output_file_id"])).keys() == {str(number) for number in range(7)}
    found = await tasks(client)
    assert len(found) == len({task.id for task in found}) == 7
    assert {*ids} < {task.id for task in found}


async def test_that_a_cancelled_batch_cancels_what_it_has_sent(
    http: aiohttp.ClientSession, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_rounds, "MOST_OPEN", 2)
    monkeypatch.setattr(batch_rounds, "ROUND_LINES", 2)
    batch_id = await begin(http, *(line(str(number)) for number in range(5)))
    ids = await sent(client, 2)
    await finish(client, ids[0])
    await until(http, batch_id, "in_progress")
    status, said = await call(http, "POST", f"/v1/batches/{batch_id}/cancel", {})
    assert (status, said["status"]) == (200, "cancelling")
    error = Failure(code="cancelled", message="gateway cancelled it")
    for task_id in ids[1:]:
        await finish(client, task_id, status="cancelled", answer=None, error=error)
    async with asyncio.timeout(60):
        while (await call(http, "GET", f"/v1/batches/{batch_id}"))[1]["status"] != "cancelled":
            for task in (await tasks(client))[2:]:  # what was sent before the cancellation was seen
                await finish(client, str(task.id), status="cancelled", answer=None, error=error)
            await asyncio.sleep(0.2)
    batch = (await call(http, "GET", f"/v1/batches/{batch_id}"))[1]
    assert batch["request_counts"]["completed"] == 1
    assert len(await answers(http, batch["output_file_id"])) == 1
    status, said = await call(http, "POST", f"/v1/batches/{batch_id}/cancel", {})
    assert (status, said["error"]["code"]) == (409, "batch_ended")


async def test_that_a_batch_expires(
    http: aiohttp.ClientSession, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_routes, "_WINDOW", timedelta())
    batch = await until(http, await begin(http, line("a"), line("b")), "expired")
    assert (batch["request_counts"], batch["output_file_id"]) == ({"total": 2, "completed": 0, "failed": 2}, None)
    told = await answers(http, batch["error_file_id"])
    assert {(one["response"], one["error"]["code"]) for one in told.values()} == {(None, "batch_expired")}
    assert not await tasks(client)


async def test_that_what_is_no_batch_is_refused(http: aiohttp.ClientSession) -> None:
    asked = {"input_file_id": "file-no", "endpoint": "/v1/chat/completions", "completion_window": "24h"}
    _, file = await upload(http, b"{}", purpose="user_data")
    for changes, status, code in (
        ({}, 404, "unknown_file"),
        ({"endpoint": "/v1/completions"}, 400, "invalid_request"),
        ({"completion_window": "1h"}, 400, "invalid_request"),
        ({"input_file_id": file["id"]}, 400, "invalid_request"),
    ):
        found, said = await call(http, "POST", "/v1/batches", {**asked, **changes})
        assert (found, said["error"]["code"]) == (status, code)
    assert (await call(http, "GET", "/v1/batches/batch_no"))[1]["error"]["code"] == "unknown_batch"
