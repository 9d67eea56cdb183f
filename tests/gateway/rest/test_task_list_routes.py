from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from app.client.client import Client
from app.gateway.rest import pages
from tests.gateway.requests import call, finish, submit
from topics import TASKS
from topics.tasks import Parent, Task


async def listed(http: aiohttp.ClientSession, query: str = "") -> list[dict[str, Any]]:
    """Return all tasks, page by page."""
    found, cursor, pages = [], "", 0
    while True:
        status, said = await call(http, "GET", f"/v1/tasks?{query}&cursor={cursor}")
        assert status == 200, said
        found += said["data"]
        pages += 1
        if not (cursor := said["next"]):
            return found


async def test_that_tasks_are_listed_newest_first_and_each_once(http: aiohttp.ClientSession, client: Client) -> None:
    ids = [await submit(http, tenant="a" if number % 2 else "", metadata={"n": str(number)}) for number in range(7)]
    await finish(client, ids[3], status="failed")
    await call(http, "GET", f"/v1/results/{ids[3]}", Prefer="wait=20")
    for limit in (1, 2, 3, 100):
        assert [row["id"] for row in await listed(http, f"limit={limit}")] == ids[::-1]
    assert [row["metadata"] for row in await listed(http, "tenant=a")] == [{"n": n} for n in ("5", "3", "1")]
    assert {row["id"]: row["status"] for row in await listed(http)}[ids[3]] == "failed"
    assert [row["id"] for row in await listed(http, "ended=true")] == [ids[3]]
    assert len(await listed(http, "ended=false")) == 6
    assert not await listed(http, "workflow=other")


async def test_that_a_page_is_bounded_and_the_next_one_goes_on(
    http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "LOOKED_AT", 2)
    ids = [await submit(http) for _ in range(5)]
    status, said = await call(http, "GET", "/v1/tasks?tenant=nobody")
    assert (status, said["data"], bool(said["next"])) == (200, [], True)
    assert [row["id"] for row in await listed(http)] == ids[::-1]


async def test_that_new_tasks_do_not_move_pages(http: aiohttp.ClientSession) -> None:
    ids = [await submit(http) for _ in range(4)]
    _, first = await call(http, "GET", "/v1/tasks?limit=2")
    await submit(http)
    _, second = await call(http, "GET", f"/v1/tasks?limit=2&cursor={first['next']}")
    assert [row["id"] for row in first["data"] + second["data"]] == ids[::-1]


async def test_that_repetitions_and_children_are_left_out(http: aiohttp.ClientSession, client: Client) -> None:
    task_id = await submit(http)
    child = Task(id="child", input={}, parent=Parent(task_id=task_id, step="s", request_id="r"))
    for task in (Task(id=task_id, input={}), child):
        await (await client.send(TASKS, str(task.id), task, id=str(task.id)))
    assert [row["id"] for row in await listed(http)] == [task_id]
    assert {row["id"]: row["parent"] for row in await listed(http, "children=true")} == {task_id: "", "child": task_id}


@pytest.mark.parametrize("cursor", ["x", "%F0", "W10", "eyJhIjoxfQ", "e30x", "a" * 10_000, "bnVsbA", "eyIwIjp7fX0"])
async def test_that_another_cursor_is_refused(http: aiohttp.ClientSession, cursor: str) -> None:
    status, said = await call(http, "GET", f"/v1/tasks?cursor={cursor}")
    assert (status, said["code"]) == (422, "invalid_request")


async def test_that_a_cursor_out_of_range_is_brought_into_it(http: aiohttp.ClientSession) -> None:
    task_id = await submit(http)
    far = pages.encode_cursor({0: 10**30, 1: -5})
    status, said = await call(http, "GET", f"/v1/tasks?cursor={far}")
    assert status == 200
    assert {row["id"] for row in said["data"]} <= {task_id}
