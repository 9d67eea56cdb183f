from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from anthropic import AsyncAnthropic
from anthropic import AuthenticationError as AnthropicUnauthenticated
from openai import AsyncOpenAI, AuthenticationError, PermissionDeniedError, RateLimitError

from app.brokers.base import Connection
from app.client.client import Client
from app.client.topic_ranges import read_since
from app.settings import GatewaySecurity, OidcSettings, Settings
from tests.gateway.keys import in_force, new_key, secured, serving
from tests.gateway.requests import call
from tests.security.tokens import AUDIENCE, ISSUER, RSA, fresh
from topics import AUDIT, TASKS
from topics.audit import AuditEvent


async def denials(client: Client, count: int, action: str) -> list[AuditEvent]:
    """Return the denials of a kind from the audit, as soon as there are so many."""
    async with asyncio.timeout(20):
        while True:
            records = await read_since(client, None, [AUDIT])
            events = [AUDIT.parse(one.value, max_bytes=10_000) for one in records]
            if len(found := [one for one in events if one.action == action]) >= count:
                return found
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("path", ["/v1/tasks", "/v1/keys", "/v1/nothing", "/v1/models", "/v1/messages"])
async def test_that_nothing_is_told_to_who_has_no_key(gateway: aiohttp.ClientSession, path: str) -> None:
    async with gateway.get(path) as answer:
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_that_health_and_the_document_are_open(gateway: aiohttp.ClientSession) -> None:
    for path in ("/v1/health", "/v1/openapi.json"):
        assert (await call(gateway, "GET", path))[0] == 200


async def test_that_a_body_is_not_read_of_who_may_not_send_it(gateway: aiohttp.ClientSession) -> None:
    async def endless() -> Any:
        while True:
            yield b" " * 1024
            await asyncio.sleep(0.01)

    async with asyncio.timeout(10), gateway.post("/v1/tasks", data=endless()) as answer:
        assert answer.status == 401


async def test_that_a_page_of_the_gateways_own_host_may_ask_and_others_may_not(
    gateway: aiohttp.ClientSession, admin: str
) -> None:
    for origin, status in (("https://gw.example", 200), ("http://evil.example", 403), ("null", 403)):
        headers = {"Host": "gw.example", "Origin": origin, "x-api-key": admin}
        async with gateway.get("/v1/models", headers=headers) as answer:
            assert answer.status == status


async def test_that_openais_sdk_is_told_in_its_own_form(
    gateway: aiohttp.ClientSession, admin: str, client: Client
) -> None:
    url = f"{str(gateway._base_url).rstrip('/')}/v1"
    viewer = await new_key(client, "viewer", requests_per_minute=3)
    await in_force(gateway, viewer)
    async with AsyncOpenAI(base_url=url, api_key=admin, max_retries=0) as good:
        assert [model async for model in await good.models.list()]
    async with AsyncOpenAI(base_url=url, api_key="mao_wrong", max_retries=0) as wrong:
        with pytest.raises(AuthenticationError) as caught:
            await wrong.models.list()
    assert caught.value.code == "unauthenticated"
    async with AsyncOpenAI(base_url=url, api_key=viewer, max_retries=0) as reading:
        with pytest.raises(PermissionDeniedError, match="tasks:submit is not allowed to your roles"):
            await reading.responses.create(model="auto", input="?")
        answers = await asyncio.gather(*[reading.models.list() for _ in range(4)], return_exceptions=True)
    limited = next(one for one in answers if isinstance(one, RateLimitError))
    assert limited.code == "rate_limited"
    assert limited.response.headers["Retry-After"]
    assert limited.response.headers["RateLimit"].startswith('"requests";r=0;t=')


async def test_that_anthropics_sdk_is_told_in_its_own_form(gateway: aiohttp.ClientSession) -> None:
    async with AsyncAnthropic(base_url=str(gateway._base_url), api_key="mao_wrong", max_retries=0) as wrong:
        with pytest.raises(AnthropicUnauthenticated) as caught:
            await wrong.messages.create(model="auto", max_tokens=1, messages=[{"role": "user", "content": "?"}])
    body: Any = caught.value.body
    assert body["error"]["type"] == "authentication_error"


async def test_that_who_tries_many_keys_is_slowed_down_and_others_at_the_address_are_not(
    gateway: aiohttp.ClientSession, admin: str, client: Client
) -> None:
    statuses = [
        (await call(gateway, "GET", "/v1/tasks", x_api_key=f"mao_guess_{number}"))[0]
        for number in range(GatewaySecurity().failures_per_minute + 5)
    ]
    assert statuses[:5] == [401] * 5
    assert statuses[-1] == 429
    assert (await call(gateway, "GET", "/v1/tasks", x_api_key=admin))[0] == 200
    noted = await denials(client, 10, "access.unauthenticated")
    found = [one for one in noted if one.details["request"] == "GET /v1/tasks"]
    assert found[0].details["address"] == "127.0.0.1"
    assert not any("guess" in one.model_dump_json() for one in found)


async def test_that_denials_are_on_the_audit(gateway: aiohttp.ClientSession, client: Client) -> None:
    viewer = await new_key(client, "viewer")
    await in_force(gateway, viewer)
    await call(gateway, "POST", "/v1/tasks", {"input": {}}, x_api_key=viewer)
    forbidden = await denials(client, 1, "access.forbidden")
    assert forbidden[-1].actor.startswith("key:")
    assert "tasks:submit is not allowed" in str(forbidden[-1].details["reason"])


async def test_that_what_a_route_denies_is_on_the_audit_too(gateway: aiohttp.ClientSession, client: Client) -> None:
    narrow = await new_key(client, "submitter", workflows=(), models=())
    await in_force(gateway, narrow)
    assert (await call(gateway, "POST", "/v1/tasks", {"input": {}}, x_api_key=narrow))[0] == 403
    [denied] = await denials(client, 1, "access.forbidden")
    assert denied.details["request"] == "POST /v1/tasks"
    assert denied.details["reason"] == "your credentials do not allow the workflow ask"


@pytest.fixture
async def issuer() -> AsyncIterator[str]:
    """An issuer of tokens, whose key is RSA."""
    app = web.Application()

    async def keys(_: web.Request) -> web.Response:
        return web.json_response({"keys": [RSA.as_dict(private=False)]})

    app.router.add_get("/keys", keys)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/keys"
    await runner.cleanup()


async def test_that_a_token_of_the_issuer_is_as_good_as_a_key(
    embedded: Connection, settings: Settings, client: Client, issuer: str
) -> None:
    oidc = OidcSettings(issuer=ISSUER, audience=AUDIENCE, jwks_url=issuer, tenant="claims.tenant", roles="claims.roles")
    async with serving(secured(settings, oidc=oidc, failures_per_minute=3), embedded) as http:
        good = fresh(roles=["submitter"])
        status, said = await call(http, "POST", "/v1/tasks", {"input": {}}, Authorization=f"Bearer {good}")
        assert status == 202
        assert (await call(http, "GET", f"/v1/tasks/{said['id']}", Authorization=f"Bearer {good}"))[0] == 200
        other = fresh(tenant="other", sub="bob")
        assert (await call(http, "GET", f"/v1/tasks/{said['id']}", Authorization=f"Bearer {other}"))[0] == 404
        status, said = await call(http, "GET", "/v1/tasks", Authorization=f"Bearer {fresh(aud='other')}")
        assert (status, said["code"]) == (401, "unauthenticated")
        assert "the token's aud is missing, or not what it must be" in said["detail"]
        statuses = [(await call(http, "GET", "/v1/tasks", Authorization=f"Bearer x.y.{n}"))[0] for n in range(4)]
        assert statuses[-1] == 429
        # Of who has failed so often, no new token is looked at; but what is known to be good is good.
        assert (await call(http, "GET", "/v1/tasks", Authorization=f"Bearer {fresh(sub='eve')}"))[0] == 429
        assert (await call(http, "GET", "/v1/tasks", Authorization=f"Bearer {good}"))[0] == 200
        [task] = [TASKS.parse(one.value, max_bytes=10_000) for one in await read_since(client, None, [TASKS])]
        assert task.tenant == "acme"


async def test_that_keys_work_while_the_issuer_cannot_be_reached(
    embedded: Connection, settings: Settings, client: Client
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        gone = f"http://127.0.0.1:{closed.getsockname()[1]}/keys"
    oidc = OidcSettings(issuer=ISSUER, audience=AUDIENCE, jwks_url=gone, tenant="claims.tenant", roles="claims.roles")
    async with serving(secured(settings, oidc=oidc), embedded) as http:
        status, said = await call(http, "GET", "/v1/tasks", Authorization=f"Bearer {fresh()}")
        assert (status, said["code"]) == (503, "issuer_unavailable")
        key = await new_key(client)
        await in_force(http, key)
