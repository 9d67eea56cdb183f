from __future__ import annotations

import aiohttp
import pytest

from app.client.client import Client
from app.client.topic_ranges import read_since
from app.partitioner import partition_of
from tests.gateway.requests import call, deploy, finish, submit, waiting
from topics import SIGNALS
from topics.signals import Signal


async def signals(client: Client) -> list[Signal]:
    """Return what is on the topic, where each is in the partition of its run."""
    records = await read_since(client, None, [SIGNALS])
    for record in records:
        assert record.partition == partition_of(record.key.decode(), client.settings.topics.partitions)
        assert dict(record.headers)["ce_type"] == b"meta_ai.signal"
    return [SIGNALS.parse(record.value, max_bytes=10_000) for record in records]


@pytest.mark.parametrize(("body", "reason"), [({}, ""), ({"reason": "too late"}, "too late")])
async def test_that_a_run_is_cancelled(
    http: aiohttp.ClientSession, client: Client, body: dict[str, str], reason: str
) -> None:
    task_id = await submit(http)
    async with http.post(f"/v1/tasks/{task_id}/cancel", json=body) as answer:
        assert (answer.status, (await answer.json())["status"]) == (202, "accepted")
    assert await signals(client) == [Signal(task_id=task_id, kind="cancel", name=reason, actor="gateway")]
    await finish(client, task_id, status="cancelled", answer=None)
    status, said = await call(http, "GET", f"/v1/results/{task_id}", Prefer="wait=20")
    assert (status, said["status"]) == (200, "cancelled")


async def test_that_a_run_gets_the_signals_that_its_workflow_waits_for(
    http: aiohttp.ClientSession, client: Client
) -> None:
    await deploy(client, "refund", 1, waiting("approved"))
    task_id = await submit(http, workflow="refund")
    await deploy(client, "refund", 2, waiting("confirmed"))  # the run stays with its version
    for name in ("approved", "confirmed"):
        assert (await call(http, "POST", f"/v1/tasks/{task_id}/signals/{name}", {"payload": {"by": "me"}}))[0] == 202
    assert {one.name for one in await signals(client)} >= {"approved"}
    assert all(one.payload == {"by": "me"} for one in await signals(client))
    status, said = await call(http, "POST", f"/v1/tasks/{task_id}/signals/aproved", {})
    assert (status, said["code"]) == (422, "unknown_signal")
    assert "did you mean `approved`?" in said["detail"]


async def test_that_a_workflow_without_signals_takes_none(http: aiohttp.ClientSession, client: Client) -> None:
    task_id = await submit(http)
    status, said = await call(http, "POST", f"/v1/tasks/{task_id}/signals/approved", {})
    assert (status, said["code"]) == (422, "unknown_signal")
    assert not await signals(client)


@pytest.mark.parametrize("path", ["cancel", "signals/approved"])
async def test_that_only_a_running_task_is_controlled(http: aiohttp.ClientSession, client: Client, path: str) -> None:
    status, said = await call(http, "POST", f"/v1/tasks/nothing/{path}", {})
    assert (status, said["code"]) == (404, "unknown_task")
    task_id = await submit(http)
    await finish(client, task_id)
    await call(http, "GET", f"/v1/results/{task_id}", Prefer="wait=20")
    status, said = await call(http, "POST", f"/v1/tasks/{task_id}/{path}", {})
    assert (status, said["code"]) == (409, "task_ended")
    assert not await signals(client)
