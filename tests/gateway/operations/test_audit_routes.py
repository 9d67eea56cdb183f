from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import aiohttp

from app.brokers.base import Connection
from app.client.client import Client
from app.settings import Settings
from tests.gateway.keys import in_force, new_key, secured, serving
from tests.gateway.requests import call
from topics import AUDIT
from topics.audit import AuditEvent


async def note(client: Client, day: int, actor: str = "eve", action: str = "workflow.deployed") -> None:
    at = datetime(2026, 1, day, tzinfo=UTC)
    event = AuditEvent(id=f"e{day}", at=at, actor=actor, action=action, subject=f"s{day % 2}", details={"day": day})
    await (await client.send(AUDIT, event.subject, event, id=event.id))
    await asyncio.sleep(0.005)  # of two that came in the same millisecond, either may be the newer one


async def test_that_what_was_done_is_listed_newest_first_and_chosen(
    http: aiohttp.ClientSession, client: Client
) -> None:
    for day in range(1, 6):
        await note(client, day, "adam" if day == 3 else "eve", "document.deleted" if day == 4 else "workflow.deployed")
    await (await client.put(client.full_name(AUDIT), b"k", b"no event", [], 0))
    _, page = await call(http, "GET", "/v1/audit?limit=3")
    _, rest = await call(http, "GET", f"/v1/audit?limit=3&cursor={page['next']}")
    assert [row["details"]["day"] for row in page["data"] + rest["data"]] == [5, 4, 3, 2, 1]
    first = {"id": "e5", "at": "2026-01-05T00:00:00Z", "actor": "eve", "action": "workflow.deployed", "subject": "s1"}
    assert page["data"][0] == first | {"details": {"day": 5}}
    for query, days in (
        ("actor=adam", [3]),
        ("action=document", [4]),
        ("action=workflow.deployed&subject=s0", [2]),
        ("since=2026-01-04T00:00:00Z", [5, 4]),
        ("until=2026-01-02T00:00:00Z", [2, 1]),
        ("actor=nobody", []),
    ):
        status, said = await call(http, "GET", f"/v1/audit?{query}")
        assert (status, [row["details"]["day"] for row in said["data"]]) == (200, days), query


async def test_that_a_cursor_that_no_page_gave_is_refused(http: aiohttp.ClientSession) -> None:
    status, said = await call(http, "GET", "/v1/audit?cursor=x")
    assert (status, said["code"]) == (422, "invalid_request")


async def test_that_it_is_for_those_who_may_see_all_tenants(
    embedded: Connection, settings: Settings, client: Client
) -> None:
    auditor = {"auditor": ("audit:read",)}
    async with serving(secured(settings, roles=auditor), embedded) as http:
        for role, tenant, status in (
            ("operator", None, 403),
            ("auditor", "acme", 403),
            ("auditor", None, 200),
            ("admin", None, 200),
        ):
            key = await new_key(client, role, tenant=tenant)
            await in_force(http, key)
            async with http.get("/v1/audit", headers={"x-api-key": key}) as answer:
                assert answer.status == status, (role, tenant)
