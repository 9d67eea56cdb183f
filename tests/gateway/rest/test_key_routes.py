from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from app.brokers.base import Connection
from app.client.client import Client
from app.client.topic_ranges import read_since
from app.settings import Settings
from tests.gateway.keys import in_force, new_key, secured, serving
from tests.gateway.requests import call
from topics import API_KEYS, AUDIT

WANTED = {"owner": "billing", "roles": ["submitter"], "tenant": "acme", "workflows": ["ask"]}


@pytest.fixture
async def gateway(embedded: Connection, settings: Settings) -> Any:
    keeper = {"keeper": ("keys:manage", "tasks:read")}
    async with serving(secured(settings, roles=keeper), embedded) as session:
        yield session


async def test_that_a_key_is_shown_once_and_works_until_it_is_revoked(
    gateway: aiohttp.ClientSession, admin: str, client: Client
) -> None:
    status, made = await call(gateway, "POST", "/v1/keys", WANTED, x_api_key=admin)
    assert status == 201
    key = made.pop("key")
    assert key.startswith(made["prefix"])
    status, listed = await call(gateway, "GET", "/v1/keys", x_api_key=admin)
    assert made["id"] in [one["id"] for one in listed["data"]]
    status, again = await call(gateway, "GET", f"/v1/keys/{made['id']}", x_api_key=admin)
    assert again == made
    assert (await call(gateway, "GET", "/v1/tasks", Authorization=f"Bearer {key}"))[0] == 200  # at once, here
    status, said = await call(gateway, "POST", "/v1/keys", WANTED, x_api_key=key)
    assert (status, said["code"]) == (403, "forbidden")
    status, revoked = await call(gateway, "POST", f"/v1/keys/{made['id']}/revoke", {}, x_api_key=admin)
    assert (status, revoked["revoked_at"] is None) == (200, False)
    assert (await call(gateway, "GET", "/v1/tasks", x_api_key=key))[0] == 401
    status, said = await call(gateway, "POST", f"/v1/keys/{made['id']}/rotate", {}, x_api_key=admin)
    assert (status, said["code"]) == (409, "key_ended")
    secret = key.rpartition("_")[2]
    records = await read_since(client, None, [API_KEYS, AUDIT])
    assert not [record for record in records if secret in str(record.value)]
    noted = [AUDIT.parse(one.value, max_bytes=10_000) for one in records if one.topic.endswith("audit")]
    mine = [one for one in noted if one.subject == f"key:{made['id']}" and one.action.startswith("api_key")]
    assert [one.action for one in mine] == ["api_key.created", "api_key.revoked"]
    assert mine[0].details["owner"] == "billing"
    assert mine[0].actor.startswith("key:")


async def test_that_a_change_is_in_force_at_other_gateways(
    gateway: aiohttp.ClientSession, admin: str, embedded: Connection, settings: Settings
) -> None:
    async with serving(secured(settings), embedded) as other:
        _, made = await call(gateway, "POST", "/v1/keys", WANTED, x_api_key=admin)
        await in_force(other, made["key"])
        _, fresh = await call(other, "POST", f"/v1/keys/{made['id']}/rotate", {"overlap": 3600}, x_api_key=admin)
        assert fresh["key"] != made["key"]
        for key in (made["key"], fresh["key"]):
            await in_force(gateway, key)
        _, last = await call(other, "POST", f"/v1/keys/{made['id']}/rotate", {"overlap": 0}, x_api_key=admin)
        for key in (made["key"], fresh["key"]):
            await in_force(gateway, key, accepted=False)
        await call(gateway, "POST", f"/v1/keys/{made['id']}/revoke", {}, x_api_key=admin)
        await in_force(other, last["key"], accepted=False)


async def test_that_the_last_use_is_noted(gateway: aiohttp.ClientSession, admin: str, client: Client) -> None:
    for _ in range(3):
        await call(gateway, "GET", "/v1/models", x_api_key=admin)
    _, listed = await call(gateway, "GET", "/v1/keys", x_api_key=admin)
    assert listed["data"][0]["used_at"]
    records = await read_since(client, None, [API_KEYS])
    assert sum(record.key.endswith(b"/used") for record in records) == 1


async def test_that_keys_are_listed_page_by_page(gateway: aiohttp.ClientSession, admin: str) -> None:
    made = {(await call(gateway, "POST", "/v1/keys", WANTED, x_api_key=admin))[1]["id"] for _ in range(3)}
    _, first = await call(gateway, "GET", "/v1/keys?limit=2", x_api_key=admin)
    _, last = await call(gateway, "GET", f"/v1/keys?limit=2&cursor={first['next']}", x_api_key=admin)
    assert last["next"] is None
    assert made < {one["id"] for page in (first, last) for one in page["data"]}
    assert len(first["data"]) == len(last["data"]) == 2


@pytest.mark.parametrize(
    ("change", "status", "text"),
    [
        ({"roles": ["submiter"]}, 422, "no role is called submiter; did you mean `submitter`"),
        ({"roles": []}, 422, "body.roles"),
        ({"owner": ""}, 422, "body.owner"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, 422, "must be in the future"),
        ({"secrets": []}, 422, "body.secrets"),
        ({"workflows": [""]}, 422, "body.workflows"),
    ],
)
async def test_that_a_wrong_key_is_not_made(
    gateway: aiohttp.ClientSession, admin: str, change: dict[str, Any], status: int, text: str
) -> None:
    found, said = await call(gateway, "POST", "/v1/keys", WANTED | change, x_api_key=admin)
    assert found == status
    assert text in said["detail"]


async def test_that_keys_give_no_more_than_their_maker_has(
    gateway: aiohttp.ClientSession, admin: str, client: Client
) -> None:
    _, mighty = await call(gateway, "POST", "/v1/keys", {"owner": "m", "roles": ["admin"]}, x_api_key=admin)
    keeper, bound = await new_key(client, "keeper"), await new_key(client, "admin", tenant="acme")
    for key in (keeper, bound):
        await in_force(gateway, key)
    for key, wanted in (
        (keeper, {"owner": "k", "roles": ["admin"]}),
        (bound, {"owner": "b", "roles": ["viewer"], "tenant": "other"}),
    ):
        status, said = await call(gateway, "POST", "/v1/keys", wanted, x_api_key=key)
        assert (status, said["code"]) == (403, "forbidden")
    status, said = await call(gateway, "POST", f"/v1/keys/{mighty['id']}/rotate", {}, x_api_key=keeper)
    assert (status, said["code"]) == (403, "forbidden")
    for path in ("", "/rotate", "/revoke"):  # to a tenant, those of others do not exist
        method = "POST" if path else "GET"
        status, said = await call(gateway, method, f"/v1/keys/{mighty['id']}{path}", {}, x_api_key=bound)
        assert (status, said["code"]) == (404, "unknown_key")
    _, made = await call(gateway, "POST", "/v1/keys", {"owner": "b", "roles": ["viewer"]}, x_api_key=bound)
    assert made["tenant"] == "acme"
    _, listed = await call(gateway, "GET", "/v1/keys", x_api_key=bound)
    assert {one["tenant"] for one in listed["data"]} == {"acme"}


async def test_that_a_key_expires(gateway: aiohttp.ClientSession, client: Client) -> None:
    end = datetime.now(UTC) + timedelta(seconds=3)
    key = await new_key(client, expires_at=end)
    await in_force(gateway, key)
    await in_force(gateway, key, accepted=False)
    assert datetime.now(UTC) >= end
