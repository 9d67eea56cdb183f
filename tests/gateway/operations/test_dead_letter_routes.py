from __future__ import annotations

from base64 import b64decode, b64encode
from datetime import UTC, datetime
from typing import Any

import aiohttp

from app.client.client import Client
from tests.gateway.requests import call
from topics import AUDIT, DEAD_LETTERS, RESULTS, TASKS
from topics.dead_letters import DeadLetter


async def bury(client: Client, offset: int, value: bytes | None = b"{", **fields: Any) -> str:
    """Put a dead letter of a task on its topic, and return the path of it."""
    known = {
        "topic": client.full_name(TASKS),
        "reason": "not_json",
        "error": "no",
        "agent": "route",
        "timestamp": datetime(2026, 1, offset, tzinfo=UTC),
    }
    letter = DeadLetter(partition=offset % 2, offset=offset, **(known | fields))
    headers = [("x", b"\xff"), *letter.headers()]
    sent = await client.put(client.full_name(DEAD_LETTERS), f"k{offset}".encode(), value, headers, letter.partition)
    await sent
    return f"/v1/dead-letters/{letter.id}"


async def held(client: Client, topic: Any) -> list[Any]:
    async with client.read(topic, from_beginning=True) as reader:
        return [record async for record in reader.held()]


async def test_that_dead_letters_are_listed_newest_first_and_chosen(
    http: aiohttp.ClientSession, client: Client
) -> None:
    for offset in range(1, 6):
        await bury(client, offset, reason="poison" if offset == 3 else "not_json")
    _, page = await call(http, "GET", "/v1/dead-letters?limit=3")
    _, rest = await call(http, "GET", f"/v1/dead-letters?limit=3&cursor={page['next']}")
    assert [row["offset"] for row in page["data"] + rest["data"]] == [5, 4, 3, 2, 1]
    first = page["data"][0]
    assert (first["key"], first["size"], first["whole"], first["replayed"]) == ("k5", 1, True, None)
    for query, offsets in (
        ("reason=poison", [3]),
        ("key=k1&key=k4", [4, 1]),
        ("topic=tasks&since=2026-01-04T00:00:00Z", [5, 4]),
        ("until=2026-01-02T00:00:00Z", [2, 1]),
        ("topic=results", []),
    ):
        _, said = await call(http, "GET", f"/v1/dead-letters?{query}")
        assert [row["offset"] for row in said["data"]] == offsets, query


async def test_that_one_is_shown_byte_for_byte(http: aiohttp.ClientSession, client: Client) -> None:
    path = await bury(client, 7, b"\xff\x00")
    status, said = await call(http, "GET", path)
    assert (status, b64decode(said["value_base64"]), said["value"]) == (200, b"\xff\x00", "hex ff00")
    assert said["headers"] == [{"name": "x", "value": "hex ff"}]
    short = path.replace(client.settings.topics.prefix, "")
    assert (await call(http, "GET", short))[1]["id"] == said["id"]
    assert (await call(http, "GET", await bury(client, 8, None)))[1]["value_base64"] is None
    for wrong in (path.replace("/7", "/9"), "/v1/dead-letters/tasks/99/7"):
        assert (await call(http, "GET", wrong))[1]["code"] == "unknown_dead_letter"


async def test_that_it_is_replayed_as_it_was_or_corrected_and_audited(
    http: aiohttp.ClientSession, client: Client
) -> None:
    path = await bury(client, 7)
    bodies: list[dict[str, Any]] = [{}, {"value": {"input": {}}}, {"value_base64": b64encode(b'{"input":1}').decode()}]
    for body in bodies:
        status, said = await call(http, "POST", f"{path}/replay", body)
        assert (status, said["corrected"]) == (202, bool(body))
    sent = await held(client, TASKS)
    assert [record.value for record in sent] == [b"{", b'{"input": {}}', b'{"input":1}']
    assert {(record.key, tuple(record.headers)) for record in sent} == {(b"k7", (("x", b"\xff"),))}
    audited = [AUDIT.parse(record.value, max_bytes=1 << 20) for record in await held(client, AUDIT)]
    assert [(event.actor, event.details["mended"]) for event in audited] == [
        ("gateway", False),
        ("gateway", True),
        ("gateway", True),
    ]
    assert (await call(http, "GET", path))[1]["replayed"]
    assert (await call(http, "GET", "/v1/dead-letters"))[1]["data"][0]["replayed"]


async def test_that_a_part_is_not_replayed_nor_what_is_invalid(http: aiohttp.ClientSession, client: Client) -> None:
    path = await bury(client, 7, cut_from=100)
    unread = await bury(client, 8, topic=client.full_name(RESULTS))
    for one in (path, unread):
        status, said = await call(http, "POST", f"{one}/replay", {})
        assert (status, said["code"]) == (409, "not_replayable")
    for body in ({"value": {}, "value_base64": ""}, {"value_base64": "?"}, {"value": {"a": float("nan")}}, {"v": 1}):
        status, said = await call(http, "POST", f"{path}/replay", body)
        assert (status, said.get("code")) == (422, "invalid_request"), (body, said)
    assert await held(client, TASKS) == []
