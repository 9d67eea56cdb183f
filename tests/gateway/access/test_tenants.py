"""An adversary of one tenant, who knows the ids of another one's tasks and keys, walks every route."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest

from app.brokers.base import Connection
from app.client.client import Client
from app.client.topic_ranges import read_since
from app.security.permissions import NEEDS_ALL_TENANTS, ROUTES
from app.settings import ModelSettings, Settings
from tests.gateway.files.test_file_routes import upload
from tests.gateway.keys import in_force, new_key, secured, serving
from tests.gateway.requests import call, deploy, finish, waiting
from topics import DEAD_LETTERS, DEFINITIONS, SIGNALS, SPEND, TASKS
from topics.dead_letters import DeadLetter
from topics.spend import Spend
from topics.tasks import Task

#: What an adversary sends to routes that take a body.
_BODIES: dict[str, Any] = {
    "POST /v1/tasks": {"input": {}, "tenant": "acme"},
    "POST /v1/chat/completions": {
        "model": "gpt",
        "messages": [{"role": "user", "content": "?"}],
        "meta_ai": {"tenant": "acme"},
    },
    "POST /v1/responses": {"model": "gpt", "input": "?", "meta_ai": {"tenant": "acme"}},
    "POST /v1/messages": {
        "model": "gpt",
        "max_tokens": 5,
        "messages": [{"role": "user", "content": "?"}],
        "meta_ai": {"tenant": "acme"},
    },
    "POST /v1/messages/count_tokens": {
        "model": "gpt",
        "messages": [{"role": "user", "content": "?"}],
        "meta_ai": {"tenant": "acme"},
    },
    "POST /v1/documents": {"id": "d", "text": "", "tenant": "acme"},
    "POST /v1/documents/batch": {"documents": [{"id": "d", "text": "", "tenant": "acme"}]},
    "POST /v1/keys": {"owner": "eve", "roles": ["viewer"], "tenant": "acme"},
}
#: Routes that are the same for all tenants, and so tell nothing of one.
_SHARED = {
    "GET /v1/health",
    "GET /v1/models",
    "GET /v1/models/{model:path}",
    "GET /v1/openapi.json",
    "HEAD /v1/openapi.json",
    "GET /v1/workflows",
    "GET /v1/workflows/{workflow}",
    "GET /v1/adapters",
    "GET /v1/adapters/{adapter}",
    "GET /v1/prices",
    "GET /v1/workflows/{workflow}/versions",
    "GET /v1/workflows/{workflow}/versions/{version}",
    "POST /mcp",  # names no task and no tenant: its tasks are the caller's own
    "POST /v1/feedback",  # names a task in its body: see below
    "POST /v1/embeddings",  # always for the caller's own tenant: see below
    "POST /v1/files",  # likewise
    "POST /v1/batches",  # names a file in its body: see below
    "POST /v1/tasks/batch",  # names a tenant in its lines: see below
}

#: What else stands in paths.
_NAMES = {
    "name": "approved",
    "document_id": "d",
    "topic": "tasks",
    "partition": "0",
    "offset": "0",
    "workflow": "refund",
    "source": "kb",
}


@dataclass(frozen=True)
class World:
    """Two tenants' gateway: the victim's key and ids, and the adversary's key."""

    http: aiohttp.ClientSession
    victim: str
    adversary: str
    ids: dict[str, str]


@pytest.fixture
async def world(embedded: Connection, settings: Settings, client: Client) -> AsyncIterator[World]:
    models = {"gpt": ModelSettings(provider="scripted")}
    base = Settings(topics=settings.topics, models=models)
    async with serving(
        secured(base, failures_per_minute=1000, roles={"watcher": ("dead-letters:replay",)}), embedded
    ) as http:
        victim, adversary = [await new_key(client, tenant=tenant) for tenant in ("acme", "evil")]
        for key in (victim, adversary):
            await in_force(http, key)
        await deploy(client, "refund", 1, waiting("approved"))
        _, task = await call(http, "POST", "/v1/tasks", {"input": {}, "workflow": "refund"}, x_api_key=victim)
        await call(http, "POST", "/v1/documents", {"id": _NAMES["document_id"], "text": "?"}, x_api_key=victim)
        [key] = (await call(http, "GET", "/v1/keys", x_api_key=victim))[1]["data"]
        _, file = await upload(http, b"{}", x_api_key=victim)
        asked_for = {"input_file_id": file["id"], "endpoint": "/v1/responses", "completion_window": "24h"}
        _, batch = await call(http, "POST", "/v1/batches", asked_for, x_api_key=victim)
        ids = {"task_id": task["id"], "key_id": key["id"], "file_id": file["id"], "batch_id": batch["id"], **_NAMES}
        yield World(http, victim, adversary, ids)


def path_of(route: str, ids: dict[str, str]) -> tuple[str, str]:
    method, template = route.replace(":path", "").split()
    return method, template.format(**ids) if "{" in template else template


async def asked(world: World, route: str, ids: dict[str, str], key: str) -> tuple[int, str]:
    """Return the status and the body of an answer, without the id of the request."""
    method, path = path_of(route, ids)
    body = None if method == "GET" else _BODIES.get(route, {})
    headers = {"x-api-key": key, "X-Request-Id": "same"}
    async with world.http.request(method, path, json=body, headers=headers) as answer:
        return answer.status, await answer.text()


async def test_that_no_route_tells_a_tenant_of_anothers(world: World, client: Client) -> None:
    unknown = {**world.ids, "task_id": "0" * 32, "key_id": "0" * 12, "file_id": "file-0", "batch_id": "batch_0"}
    for route in sorted(ROUTES.keys() - _SHARED, key=lambda one: (one.startswith("DELETE"), one)):
        status, said = await asked(world, route, world.ids, world.adversary)
        if ROUTES[route] in NEEDS_ALL_TENANTS:
            assert (status, json.loads(said)["code"]) == (403, "forbidden"), route
            continue
        if route == "DELETE /v1/documents/{document_id:path}":  # its own of this id, if there is one
            assert (status, json.loads(said)["state"]) == (202, "/v1/documents/d?tenant=evil")
        elif "{" in route:
            assert status == 404, route
            # Not even that it exists can be told from the answer.
            nothing = await asked(world, route, unknown, world.adversary)
            assert (status, said) == nothing, route
        elif route in _BODIES:
            assert (status, json.loads(said).get("code", "forbidden")) == (403, "forbidden"), route
        else:
            assert status == 200, route
        assert world.ids["task_id"] not in said, route
        assert not any(world.ids[name] in said for name in ("key_id", "file_id", "batch_id")), route
    assert not await read_since(client, None, [SIGNALS])
    assert len(await read_since(client, None, [TASKS])) == 1


async def test_that_files_and_batches_are_their_tenants_own(world: World, client: Client) -> None:
    asked_for = {"input_file_id": world.ids["file_id"], "endpoint": "/v1/responses", "completion_window": "24h"}
    status, said = await call(world.http, "POST", "/v1/batches", asked_for, x_api_key=world.adversary)
    assert (status, said["error"]["code"]) == (404, "unknown_file")
    line = json.dumps({"input": {}, "tenant": "acme"}).encode()
    headers = {"x-api-key": world.adversary, "Content-Type": "application/jsonl"}
    async with world.http.post("/v1/tasks/batch", data=line, headers=headers) as answer:
        assert json.loads(await answer.text())["problem"]["code"] == "forbidden"
    _, file = await upload(world.http, b"{}", x_api_key=world.adversary)
    for key, own in ((world.adversary, file["id"]), (world.victim, world.ids["file_id"])):
        listed = (await call(world.http, "GET", "/v1/files", x_api_key=key))[1]["data"]
        assert [one["id"] for one in listed] == [own]
    path = f"/v1/batches/{world.ids['batch_id']}"
    assert (await call(world.http, "GET", path, x_api_key=world.victim))[0] == 200
    assert len(await read_since(client, None, [TASKS])) == 1


async def test_that_feedback_and_costs_are_seen_by_their_tenant_only(world: World, client: Client) -> None:
    given = {"task_id": world.ids["task_id"], "thumb": "up"}
    assert (await call(world.http, "POST", "/v1/feedback", given, x_api_key=world.victim))[0] == 201
    spent = Spend(
        id="s", request_id="r", task_id="t", tenant="acme", step="s", model="gpt", provider="p", at=datetime.now(UTC)
    )
    await (await client.send(SPEND, "t", spent, id="s"))
    headers = {"x_api_key": world.adversary, "X_Request_Id": "same"}
    found = await call(world.http, "POST", "/v1/feedback", given, **headers)
    assert found == await call(world.http, "POST", "/v1/feedback", {**given, "task_id": "0" * 32}, **headers)
    assert found[0] == 404
    for path, field, own in (("/v1/feedback", "task_id", world.ids["task_id"]), ("/v1/spend", "name", "gpt")):
        for key, rows in ((world.victim, [own]), (world.adversary, [])):
            _, said = await call(world.http, "GET", path, x_api_key=key)
            assert [row[field] for row in said["data"]] == rows, path
    assert (await call(world.http, "GET", "/v1/spend?tenant=acme", x_api_key=world.adversary))[0] == 403


async def test_that_who_may_use_some_workflows_deploys_and_replays_nothing(world: World, client: Client) -> None:
    narrow = await new_key(client, workflows=("as*",))
    watcher = await new_key(client, "watcher")
    for key in (narrow, watcher):
        await in_force(world.http, key)
    place = DeadLetter(
        topic=client.full_name(DEFINITIONS), partition=0, offset=1, reason="invalid", error="no", agent="deploy"
    )
    await (await client.put(client.full_name(DEAD_LETTERS), b"k", b"{}", place.headers(), 0))
    replay = f"/v1/dead-letters/{place.id}/replay"
    for path, key in (
        ("/v1/workflows", narrow),
        ("/v1/workflows/refund/rollback", narrow),
        (replay, narrow),
        (replay, watcher),
    ):
        status, said = await call(world.http, "POST", path, {}, x_api_key=key)
        assert (status, said["code"]) == (403, "forbidden"), path


async def test_that_the_victim_itself_is_served(world: World, client: Client) -> None:
    for route in ("GET /v1/tasks/{task_id}", "GET /v1/runs/{task_id}", "GET /v1/keys/{key_id}"):
        assert (await asked(world, route, world.ids, world.victim))[0] == 200, route
    for route in ("POST /v1/tasks/{task_id}/signals/{name}", "POST /v1/tasks/{task_id}/cancel"):
        assert (await asked(world, route, world.ids, world.victim))[0] == 202, route
    await finish(client, world.ids["task_id"], tenant="acme")
    headers = {"x-api-key": world.victim, "Prefer": "wait=20"}
    async with world.http.get(f"/v1/results/{world.ids['task_id']}", headers=headers) as answer:
        assert (answer.status, (await answer.json())["answer"]) == (200, "because")
    status, said = await call(world.http, "GET", "/v1/tasks?tenant=acme", x_api_key=world.adversary)
    assert (status, said["data"]) == (200, [])
    status, said = await call(world.http, "GET", "/v1/tasks", x_api_key=world.victim)
    assert [one["id"] for one in said["data"]] == [world.ids["task_id"]]


async def test_that_a_result_without_its_task_is_its_tenants(world: World, client: Client) -> None:
    await finish(client, "elsewhere", tenant="acme")
    operator = await new_key(client)
    await in_force(world.http, operator)
    for key, status in ((operator, 200), (world.victim, 200), (world.adversary, 404)):
        assert (await call(world.http, "GET", "/v1/results/elsewhere", x_api_key=key, Prefer="wait=20"))[0] == status


async def test_that_the_same_idempotency_key_is_another_task_to_another_caller(world: World, client: Client) -> None:
    second = await new_key(client, tenant="acme")
    operator = await new_key(client)
    for key in (second, operator):
        await in_force(world.http, key)
    ids = set()
    for key in (world.victim, world.adversary, second, operator):
        fields = {"tenant": "acme"} if key == operator else {}
        for _ in range(2):
            headers = {"x_api_key": key, "Idempotency_Key": "order-17"}
            status, said = await call(world.http, "POST", "/v1/tasks", {"input": {}, **fields}, **headers)
            assert status == 202
            ids.add(said["id"])
    assert len(ids) == 4
    found = [TASKS.parse(one.value, max_bytes=10_000) for one in await read_since(client, None, [TASKS])]
    assert sorted(one.tenant for one in found) == ["acme", "acme", "acme", "acme", "evil"]


async def test_that_vectors_are_made_for_the_callers_tenant(world: World, client: Client) -> None:
    headers = {"x-api-key": world.adversary}
    asking = asyncio.create_task(
        world.http.post("/v1/embeddings", json={"model": "minilm", "input": "?"}, headers=headers)
    )
    found: list[Task] = []
    async with asyncio.timeout(20):
        while not (mine := [one for one in found if one.workflow == "embed"]):
            found = [TASKS.parse(one.value, max_bytes=10_000) for one in await read_since(client, None, [TASKS])]
    assert mine[0].tenant == "evil"
    await finish(client, str(mine[0].id), answer=[""])
    async with await asking as answer:
        assert answer.status == 200


async def rpc(world: World, key: str, method: str, **params: Any) -> aiohttp.ClientResponse:
    """Send a request of the Model Context Protocol."""
    headers = {"x-api-key": key, "Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-06-18"}
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    return await world.http.post("/mcp", json=body, headers=headers)


async def test_that_tools_are_those_that_the_caller_may_use_and_run_for_its_tenant(
    world: World, client: Client
) -> None:
    await deploy(client, "tool", 1, waiting("s"), expose=["mcp"])
    await deploy(client, "secret", 1, waiting("s"), expose=["mcp"])
    narrow = await new_key(client, tenant="evil", workflows=("tool",))
    await in_force(world.http, narrow)
    async with await world.http.post("/mcp", json={}) as answer:
        assert answer.status == 401
    async with asyncio.timeout(20):
        while "tool" not in (listed := await (await rpc(world, narrow, "tools/list")).text()):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert "secret" not in listed
    async with await rpc(world, narrow, "tools/call", name="secret", arguments={}) as answer:
        assert "there is no tool secret; there is tool" in await answer.text()
    calling = asyncio.create_task(rpc(world, narrow, "tools/call", name="tool", arguments={}))
    found: list[Task] = []
    async with asyncio.timeout(20):
        while not (mine := [one for one in found if one.workflow == "tool"]):
            found = [TASKS.parse(one.value, max_bytes=10_000) for one in await read_since(client, None, [TASKS])]
    assert mine[0].tenant == "evil"
    await finish(client, str(mine[0].id))
    async with await calling as answer:
        assert "because" in await answer.text()


async def test_that_only_allowed_workflows_and_models_are_seen_and_asked(world: World, client: Client) -> None:
    narrow = await new_key(client, tenant="acme", workflows=("as*",), models=("auto",))
    await in_force(world.http, narrow)
    _, said = await call(world.http, "GET", "/v1/models", x_api_key=narrow)
    assert [one["id"] for one in said["data"]] == ["ask", "auto"]
    _, said = await call(world.http, "GET", "/v1/workflows", x_api_key=narrow)
    assert [one["id"] for one in said["data"]] == ["ask"]
    for path, status in (("/v1/workflows/refund", 404), ("/v1/models/gpt", 404), ("/v1/models/refund", 404)):
        found, said = await call(world.http, "GET", path, x_api_key=narrow)
        assert found == status
        assert "refund" not in json.dumps(said).replace("there is no model refund", "").replace("called refund", "")
    for name, status in (("gpt", 403), ("refund", 403), ("nothing", 404)):
        chat = {"model": name, "messages": [{"role": "user", "content": "?"}]}
        assert (await call(world.http, "POST", "/v1/chat/completions", chat, x_api_key=narrow))[0] == status
        assert (await call(world.http, "POST", "/v1/messages", {**chat, "max_tokens": 5}, x_api_key=narrow))[
            0
        ] == status
    sent = {"workflow": "passthrough", "input": {"messages": [], "overrides": {"models": ["gpt"]}}}
    assert (await call(world.http, "POST", "/v1/tasks", sent, x_api_key=narrow))[0] == 403
    assert (await call(world.http, "POST", "/v1/tasks", {"workflow": "refund", "input": {}}, x_api_key=narrow))[
        0
    ] == 403
    assert (await call(world.http, "POST", "/v1/tasks", {"workflow": "ask", "input": {}}, x_api_key=narrow))[0] == 202
