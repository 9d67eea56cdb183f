"""An adversary who knows the ids of documents that are another tenant's, or for a role that it does not have."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from app.brokers.base import Connection
from app.client.client import Client
from app.client.topic_ranges import read_since
from app.delivery.envelope import Outgoing, headers
from app.retrieval.base import SearchScope
from app.retrieval.embedding.hashing import HashingEmbedder
from app.retrieval.ingest import prepare_chunks
from app.retrieval.memory import MemoryStore
from app.settings import Settings
from tests.gateway.keys import in_force, new_key, secured, serving
from tests.gateway.requests import call
from topics import CHUNKS, DOCUMENTS, TASKS
from topics.documents import Document, document_key

SECRET = "the merger with bolt"
#: Who adds a document called `plan`: each is another one, but the last, which `acme` restricts.
OWNERS = ("", "bolt", "evil")
TENANTS = ("acme", "bolt", "evil")


@dataclass(frozen=True)
class World:
    """A gateway, its keys by whose they are, and a store with what was added through it."""

    http: aiohttp.ClientSession
    keys: dict[str, str]
    store: MemoryStore

    async def ask(self, who: str, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        return await call(self.http, method, path, body, x_api_key=self.keys[who])


@pytest.fixture
async def world(embedded: Connection, settings: Settings, client: Client) -> AsyncIterator[World]:
    async with serving(secured(settings, roles={"hr": ()}), embedded) as http:
        keys = {
            "all": await new_key(client),
            "acme": await new_key(client, "operator", tenant="acme"),
            "acme-hr": await new_key(client, roles=("operator", "hr"), tenant="acme"),
            "evil": await new_key(client, roles=("operator", "hr"), tenant="evil"),
        }
        for key in keys.values():
            await in_force(http, key)
        world = World(http, keys, MemoryStore(HashingEmbedder()))
        for owner in OWNERS:
            await add(world, "all", {"tenant": owner, "text": f"# Plan\n\nThe plan of {owner or 'all'}."})
        await add(world, "acme-hr", {"allowed_roles": ["hr"], "text": f"# Plan\n\nThe plan is {SECRET}."})
        await ingest(world, client)
        yield world


async def add(world: World, who: str, fields: dict[str, Any]) -> None:
    status, said = await world.ask(who, "POST", "/v1/documents", {"id": "plan", **fields})
    assert status == 202, said


async def ingest(world: World, client: Client) -> None:
    """Do what workers do with all documents: cut them, and keep the chunks."""
    for record in await read_since(client, None, [DOCUMENTS]):
        document = DOCUMENTS.parse(record.value, max_bytes=1 << 20)
        for part in await prepare_chunks(document, embedder=HashingEmbedder(), words=20, overlap=0):
            key = f"{part.document_key}/{part.part}"
            made = headers(Outgoing(CHUNKS, key, part, "id"), source="/w", cause=None, traceparent="t")
            await (await client.put(client.full_name(CHUNKS), key.encode(), part.to_json(), made, record.partition))
            await world.store.apply(part)


async def listed(world: World, who: str) -> list[str]:
    _, said = await world.ask(who, "GET", "/v1/documents")
    return [one["tenant"] for one in said["data"]]


async def test_that_documents_are_their_tenants_own_and_seen_with_one_of_their_roles(world: World) -> None:
    assert await listed(world, "all") == ["", "acme", "bolt", "evil"]
    assert (await listed(world, "acme"), await listed(world, "acme-hr")) == ([], ["acme"])
    assert await listed(world, "evil") == ["evil"]
    for who, status in (("acme-hr", 200), ("acme", 404), ("evil", 200)):
        found, said = await world.ask(who, "GET", "/v1/documents/plan")
        assert (found, said.get("tenant", "")) == (status, who.partition("-")[0] if status == 200 else ""), who
    status, said = await world.ask("acme", "GET", "/v1/documents/plan")
    assert said["detail"] == (await world.ask("acme", "GET", "/v1/documents/none"))[1]["detail"]
    for path in ("/v1/documents/plan?tenant=acme", "/v1/documents?tenant=acme"):
        assert (await world.ask("evil", "GET", path))[0] == 403
        assert (await world.ask("all", "GET", path))[0] == 200
    assert (await world.ask("evil", "DELETE", "/v1/documents/plan?tenant=acme"))[0] == 403


async def test_that_a_delete_and_a_replacement_leave_other_tenants_documents_alone(
    world: World, client: Client
) -> None:
    assert (await world.ask("evil", "DELETE", "/v1/documents/plan"))[0] == 202
    await add(world, "acme", {"text": "# Plan\n\nAnother plan."})
    await ingest(world, client)
    assert await listed(world, "all") == ["", "acme", "bolt"]
    own = [
        one for one in await read_since(client, None, [DOCUMENTS]) if one.key == document_key("evil", "plan").encode()
    ]
    last = DOCUMENTS.parse(own[-1].value, max_bytes=1 << 20)
    assert (len(own), last.deleted, last.actor.partition(":")[0]) == (2, True, "key")


async def test_that_a_task_searches_with_the_tenant_and_the_roles_of_its_sender(world: World, client: Client) -> None:
    for who in ("evil", "acme", "acme-hr", "all"):
        assert (await world.ask(who, "POST", "/v1/tasks", {"input": {"question": SECRET}}))[0] == 202
    tasks = [TASKS.parse(one.value, max_bytes=10_000) for one in await read_since(client, None, [TASKS])]
    found: dict[tuple[str, bool], str] = {}
    for task in tasks:
        scope = SearchScope(tenant=task.tenant, roles=frozenset(task.roles))
        chunks = await world.store.search(SECRET, limit=9, scope=scope)
        found[task.tenant, "hr" in task.roles] = " ".join(sorted(chunk.text for chunk in chunks))
    assert found == {
        ("evil", True): "The plan of all. The plan of evil.",
        ("acme", False): "The plan of all.",
        ("acme", True): f"The plan is {SECRET}. The plan of all.",
        ("", False): "The plan of all.",
    }


async def test_that_nobody_gives_a_task_roles_or_a_tenant_beside_their_own(world: World, client: Client) -> None:
    for fields in ({"roles": ["hr"]}, {"tenant": "evil"}):
        status, said = await world.ask("acme", "POST", "/v1/tasks", {"input": {}, **fields})
        assert (status, said["code"]) == (403, "forbidden")
    assert (await world.ask("acme-hr", "POST", "/v1/tasks", {"input": {}, "roles": ["hr"]}))[0] == 202
    status, said = await world.ask("acme", "POST", "/v1/keys", {"owner": "me", "roles": ["operator", "hr"]})
    assert status == 403
    line = json.dumps({"input": {}, "roles": ["hr"]}).encode()
    sent = {"x-api-key": world.keys["acme"], "Content-Type": "application/jsonl"}
    async with world.http.post("/v1/tasks/batch", data=line, headers=sent) as answer:
        assert json.loads(await answer.text())["problem"]["code"] == "forbidden"
    assert len(await read_since(client, None, [TASKS])) == 1


async def test_that_scores_tell_nothing_of_other_tenants_documents(world: World) -> None:
    async def scores() -> list[tuple[str, float]]:
        found = await world.store.search("the plan of all", limit=9, scope=SearchScope(tenant="evil"))
        return [(chunk.text, chunk.score) for chunk in found]

    before = await scores()
    texts = "\n\n".join(f"# {number}\n\nplan plan evil all {number}" for number in range(50))
    for part in await prepare_chunks(
        Document(id="many", text=texts, tenant="acme"), embedder=HashingEmbedder(), words=20, overlap=0
    ):
        await world.store.apply(part)
    assert await scores() == before


async def test_that_resources_are_the_documents_that_the_callers_tasks_find(world: World, client: Client) -> None:
    world.keys["reader"] = await new_key(client, "submitter", tenant="acme")
    await in_force(world.http, world.keys["reader"])
    found = {who: await resources(world, who) for who in world.keys}
    own, acme, bolt, evil = (f"meta-ai://documents/plan{owner}" for owner in ("", *map("?tenant={}".format, TENANTS)))
    assert found == {
        "all": [own, acme, bolt, evil],
        "acme": [own],
        "acme-hr": [own, acme],
        "evil": [own, evil],
        "reader": [],
    }
    assert SECRET in await rpc(world, "acme-hr", "resources/read", uri=acme)
    for who, uri in (("acme", acme), ("evil", acme), ("evil", bolt), ("reader", own), ("reader", acme)):
        said = await rpc(world, who, "resources/read", uri=uri)
        assert "error" in json.loads(said), who
        assert "plan of" not in said.replace(uri, ""), who
        assert SECRET not in said, who
    unknown = await rpc(world, "evil", "resources/read", uri=acme.replace("plan", "none"))
    assert await rpc(world, "evil", "resources/read", uri=acme) == unknown.replace("none", "plan")


async def resources(world: World, who: str) -> list[str]:
    said = json.loads(await rpc(world, who, "resources/list"))
    return [one["uri"] for one in said["result"]["resources"]]


async def rpc(world: World, who: str, method: str, **params: Any) -> str:
    """Return the answer to a request of the Model Context Protocol."""
    accepted = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-06-18"}
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    async with world.http.post("/mcp", json=body, headers={"x-api-key": world.keys[who], **accepted}) as answer:
        said = await answer.text()
    return said.partition("data: ")[2].strip() or said
