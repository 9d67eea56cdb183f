from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest

from app.brokers.base import Connection
from app.client.client import Client
from app.client.topic_ranges import read_since
from app.gateway.rest.task_routes import MAX_WAIT, seconds_of
from app.gateway.server import serve_gateway
from app.partitioner import partition_of
from app.settings import Settings, WebhookSettings
from tests.gateway.requests import deploy
from tests.gateway.test_guard import problem
from topics import RESULTS, TASKS
from topics.results import Result
from topics.tasks import Task

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TASK = {"input": {"question": "why?"}}


async def post(http: aiohttp.ClientSession, body: Any, **headers: str) -> tuple[int, dict[str, Any], Mapping[str, str]]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with http.post("/v1/tasks", json=body, headers=named) as answer:
        return answer.status, json.loads(await answer.text()), answer.headers


async def get(http: aiohttp.ClientSession, path: str, **headers: str) -> tuple[int, dict[str, Any]]:
    async with http.get(path, headers=headers) as answer:
        return answer.status, json.loads(await answer.text())


async def tasks(client: Client) -> list[Task]:
    """Return what is on the topic, where each has its id as key and lies in its home partition."""
    records = await read_since(client, None, [TASKS])
    for record in records:
        assert record.partition == partition_of(record.key.decode(), client.settings.topics.partitions)
        assert dict(record.headers)["ce_id"] == record.key
    return [TASKS.parse(record.value, max_bytes=10_000) for record in records]


async def finish(client: Client, task_id: str, answer: str = "because") -> Result:
    result = Result(
        task_id=task_id, workflow="ask", status="succeeded", answer=answer, accepted_at=NOW, finished_at=NOW
    )
    await (await client.send(RESULTS, task_id, result, id=f"{task_id}/result"))
    return result


async def test_that_a_task_is_accepted_and_found(http: aiohttp.ClientSession, client: Client) -> None:
    asked = {**TASK, "tenant": "acme", "priority": 3, "metadata": {"a": "b"}, "deadline": "2126-01-01T00:00:00Z"}
    status, said, headers = await post(http, asked)
    task_id = said["id"]
    assert (status, said["status"], headers["Location"]) == (202, "accepted", f"/v1/tasks/{task_id}")
    wanted = Task.model_validate({**asked, "id": task_id})
    assert await get(http, f"/v1/tasks/{task_id}") == (200, said)  # at once
    assert await tasks(client) == [wanted]
    assert await get(http, f"/v1/tasks/{task_id}") == (200, said)
    assert await get(http, f"/v1/results/{task_id}") == (202, said)
    await finish(client, task_id)
    status, result = await get(http, said["result"], Prefer="wait=20")
    assert (status, result["answer"]) == (200, "because")
    assert await get(http, f"/v1/tasks/{task_id}") == (200, {**said, "status": "succeeded"})


async def test_that_a_result_is_waited_for(http: aiohttp.ClientSession, client: Client) -> None:
    waiting = asyncio.create_task(post(http, TASK, Prefer="respond-async, wait=20"))
    async with asyncio.timeout(20):
        while not (sent := await tasks(client)):  # noqa: ASYNC110  # nothing tells it
            await asyncio.sleep(0.05)
    result = await finish(client, str(sent[0].id))
    status, said, headers = await waiting
    assert (status, Result.model_validate(said)) == (200, result)
    assert headers["Preference-Applied"] == "wait=20"


async def test_that_who_waits_in_vain_gets_the_id(http: aiohttp.ClientSession) -> None:
    status, said, headers = await post(http, TASK, Prefer="wait=1")
    assert (status, said["status"], headers["Preference-Applied"]) == (202, "accepted", "wait=1")


async def test_that_a_key_stands_for_one_task(http: aiohttp.ClientSession, client: Client) -> None:
    first = await post(http, TASK, Idempotency_Key="k-1")
    again = await post(http, {"metadata": {}, "workflow": "ask", **TASK}, Idempotency_Key="k-1")
    other = await post(http, TASK, Idempotency_Key="k-2")
    assert first[:2] == again[:2]
    assert other[1]["id"] != first[1]["id"]
    await finish(client, first[1]["id"])
    status, said, _ = await post(http, TASK, Idempotency_Key="k-1", Prefer="wait=20")
    assert (status, said["answer"]) == (200, "because")
    assert len(await tasks(client)) == 2


async def test_that_a_key_of_another_body_is_refused(http: aiohttp.ClientSession, client: Client) -> None:
    await post(http, TASK, Idempotency_Key="k")
    bodies: list[dict[str, Any]] = [{"input": {"question": "how?"}}, {**TASK, "priority": 1}, {"input": {}}]
    for body in bodies:
        status, said, _ = await post(http, body, Idempotency_Key="k")
        assert (status, said["code"]) == (409, "idempotency_conflict")
    assert len(await tasks(client)) == 1


async def test_that_keys_of_tenants_do_not_meet(http: aiohttp.ClientSession) -> None:
    ids = {(await post(http, {**TASK, "tenant": tenant}, Idempotency_Key="k"))[1]["id"] for tenant in ("", "a", "b")}
    assert len(ids) == 3


@pytest.fixture
async def replicas(embedded: Connection, settings: Settings) -> AsyncIterator[list[aiohttp.ClientSession]]:
    async with (
        serve_gateway(settings, embedded) as one,
        serve_gateway(settings, embedded) as two,
        aiohttp.ClientSession(f"http://{one}") as first,
        aiohttp.ClientSession(f"http://{two}") as second,
    ):
        for http in (first, second):
            while (await get(http, "/v1/health"))[0] != 200:  # noqa: ASYNC110  # nothing tells it
                await asyncio.sleep(0.05)
        yield [first, second]


async def test_that_replicas_agree_on_a_key_though_both_get_it_at_once(
    replicas: list[aiohttp.ClientSession], client: Client
) -> None:
    bodies = [{"input": {"question": str(number)}} for number in range(8)]
    said = await asyncio.gather(*(post(replicas[at % 2], body, Idempotency_Key="k") for at, body in enumerate(bodies)))
    assert sorted(status for status, _, _ in said) == [202] + [409] * 7
    winner = next(at for at, (status, _, _) in enumerate(said) if status == 202)
    # The first on the topic is the one that workers process.
    assert (await tasks(client))[0].input == bodies[winner]["input"]
    for http in replicas:
        assert (await post(http, bodies[winner], Idempotency_Key="k"))[:2] == said[winner][:2]


async def test_that_any_replica_answers_also_one_that_starts_later(
    http: aiohttp.ClientSession, client: Client, embedded: Connection, settings: Settings
) -> None:
    _, said, _ = await post(http, TASK, Idempotency_Key="k")
    await finish(client, said["id"])
    async with serve_gateway(settings, embedded) as address, aiohttp.ClientSession(f"http://{address}") as later:
        while (await get(later, "/v1/health"))[0] != 200:  # noqa: ASYNC110  # nothing tells it
            await asyncio.sleep(0.05)
        assert (await get(later, said["result"]))[1]["answer"] == "because"
        assert (await post(later, TASK, Idempotency_Key="k"))[1]["id"] == said["id"]
        assert (await post(later, {"input": {}}, Idempotency_Key="k"))[0] == 409


async def test_that_the_last_result_of_a_task_counts(http: aiohttp.ClientSession, client: Client) -> None:
    for answer in ("one", "two"):
        await finish(client, "q", answer)
    async with asyncio.timeout(20):
        while (await get(http, "/v1/results/q"))[1].get("answer") != "two":  # noqa: ASYNC110  # nothing tells it
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("path", ["/v1/tasks/nothing", "/v1/results/nothing", "/v1/tasks/%00", "/v1/results/%ff"])
async def test_that_an_unknown_task_is_not_found(http: aiohttp.ClientSession, path: str) -> None:
    async with http.get(path) as answer:
        assert (answer.status, (await problem(answer))["code"]) == (404, "unknown_task")


@pytest.mark.parametrize(
    ("body", "at"),
    [
        ({}, "body.input"),
        ({"input": []}, "body.input"),
        ({"input": {}, "id": "mine"}, "body.id"),
        ({"input": {}, "parent": {}}, "body.parent"),
        ({"input": {}, "deadline": "tomorrow"}, "body.deadline"),
        ({"input": {}, "tenant": "a\nb"}, "body.tenant"),
        ([], "body"),
    ],
)
async def test_that_an_invalid_task_is_refused(http: aiohttp.ClientSession, body: Any, at: str) -> None:
    status, said, _ = await post(http, body)
    assert (status, said["code"], said["errors"][0]["at"]) == (422, "invalid_request", at)
    assert said["detail"].startswith(f"{at}: ")


@pytest.mark.parametrize(
    ("text", "status"), [('{"input": {"a": NaN}}', 422), ('{"input": {"a": "\\ud800"}}', 422), ('{"in', 400), ("", 422)]
)
async def test_that_what_no_worker_could_read_is_refused(
    http: aiohttp.ClientSession, client: Client, text: str, status: int
) -> None:
    async with http.post("/v1/tasks", data=text, headers={"Content-Type": "application/json"}) as answer:
        assert (answer.status, (await problem(answer))["code"] in {"not_json", "invalid_request"}) == (status, True)
    assert not await tasks(client)


async def test_that_a_task_for_a_workflow_that_is_not_deployed_is_refused(
    http: aiohttp.ClientSession, client: Client
) -> None:
    asked = {"workflow": "later", "input": {}}
    status, said, _ = await post(http, asked)
    assert (status, said["code"]) == (422, "unknown_workflow")
    assert "there are ask, count_tokens, embed, panel, passthrough;" in said["detail"]
    await deploy(client, "later", 1, {"it": {"kind": "transform", "value": "1"}})
    assert (await post(http, asked))[0] == 202  # known as soon as it is deployed


async def test_that_a_key_is_printable(http: aiohttp.ClientSession) -> None:
    for key in ("a b", "x" * 256):
        status, said, _ = await post(http, TASK, Idempotency_Key=key)
        assert (status, said["code"]) == (422, "invalid_request")


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [
        (None, 0),
        ("wait=30", 30),
        ("respond-async; wait=5", 5),
        ('Wait = "7"', 7),
        ("wait=999999", MAX_WAIT),
        ("nowait=3", 0),
        ("wait=-1", 0),
        ("wait=3s", 0),
        ("wait", 0),
    ],
)
def test_how_long_a_client_prefers_to_wait(prefer: str | None, seconds: float) -> None:
    assert seconds_of(prefer) == seconds


async def test_that_other_paths_and_methods_are_problems_too(http: aiohttp.ClientSession) -> None:
    async with http.get("/v1/nothing") as answer:
        assert (answer.status, (await problem(answer))["code"]) == (404, "not_found")
    async with http.delete("/v1/health", json={}) as answer:
        assert (answer.status, (await problem(answer))["code"]) == (405, "method_not_allowed")


@pytest.mark.parametrize("webhook", ["https://127.0.0.1/", "http://example.com/", "crm", "https://u:p@example.com/"])
async def test_that_a_webhook_that_may_not_be_called_is_refused(http: aiohttp.ClientSession, webhook: str) -> None:
    status, said, _ = await post(http, {**TASK, "webhook": webhook})
    assert (status, said["code"]) == (422, "invalid_webhook")


async def test_that_a_webhook_is_part_of_the_task(embedded: Connection, settings: Settings, client: Client) -> None:
    webhooks = WebhookSettings.model_validate({"signing_keys": ["whsec_" + "A" * 44]})
    known = settings.model_copy(update={"webhooks": webhooks})
    async with serve_gateway(known, embedded) as address, aiohttp.ClientSession(f"http://{address}") as http:
        while (await get(http, "/v1/health"))[0] != 200:  # noqa: ASYNC110  # nothing tells it
            await asyncio.sleep(0.05)
        asked = {**TASK, "webhook": "https://example.com/hook"}
        assert (await post(http, asked, Idempotency_Key="k"))[0] == 202
        assert (await post(http, TASK, Idempotency_Key="k"))[0] == 409
    assert [task.webhook for task in await tasks(client)] == ["https://example.com/hook"]
