from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest

from app.client.client import Client
from app.gateway.views import answer_stream
from tests.gateway.requests import call, events, finish, say, submit
from topics.result_chunks import ResultChunk
from topics.results import Result


async def followed(http: aiohttp.ClientSession, task_id: str, last: str = "") -> list[dict[str, str]]:
    """Return all events of a stream that ends."""
    headers = {"Last-Event-ID": last} if last else {}
    async with asyncio.timeout(30), http.get(f"/v1/tasks/{task_id}/events", headers=headers) as answer:
        assert answer.status == 200
        return [event async for event in events(answer)]


def texts(found: list[dict[str, str]]) -> list[str]:
    return [ResultChunk.model_validate_json(event["data"]).text for event in found if event.get("event") == "piece"]


async def test_that_pieces_and_result_come_as_they_are_made(http: aiohttp.ClientSession, client: Client) -> None:
    task_id = await submit(http)
    async with asyncio.timeout(30), http.get(f"/v1/tasks/{task_id}/events") as answer:
        stream = events(answer)
        for index, text in enumerate(("be", "cau", "se")):
            await say(client, task_id, index, text, end=text == "se")
            event = await anext(stream)
            assert (event["event"], texts([event])) == ("piece", [text])
        result = await finish(client, task_id)
        event = await anext(stream)
        assert (event["event"], event["id"]) == ("result", "result")
        assert Result.model_validate_json(event["data"]) == result
        assert [one async for one in stream] == []


async def test_that_whoever_comes_late_gets_all_and_whoever_comes_again_the_rest(
    http: aiohttp.ClientSession, client: Client
) -> None:
    task_id, other = await submit(http), await submit(http)
    for index, text in enumerate("abc"):
        await say(client, task_id, index, text, end=text == "c")
        await say(client, other, index, "x")
    await finish(client, task_id)
    found = await followed(http, task_id)
    assert texts(found) == ["a", "b", "c"]
    assert texts(await followed(http, task_id, found[0]["id"])) == ["b", "c"]
    assert texts(await followed(http, task_id, found[2]["id"])) == []
    async with http.get(f"/v1/tasks/{task_id}/events", headers={"Last-Event-ID": found[-1]["id"]}) as answer:
        assert answer.status == 204


async def test_that_one_who_comes_in_the_middle_misses_nothing_and_gets_nothing_twice(
    http: aiohttp.ClientSession, client: Client
) -> None:
    task_id = await submit(http)
    following = []
    for index in range(40):
        if index % 10 == 5:
            following.append(asyncio.create_task(followed(http, task_id)))
        await say(client, task_id, index, f"{index} ", end=index == 39)
    await finish(client, task_id)
    for found in await asyncio.gather(*following):
        assert texts(found) == [f"{index} " for index in range(40)]


async def test_that_a_result_waits_a_moment_for_pieces_on_their_way(
    http: aiohttp.ClientSession, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answer_stream, "_PIECES_SECONDS", 20.0)
    task_id = await submit(http)
    async with asyncio.timeout(60), http.get(f"/v1/tasks/{task_id}/events") as answer:
        stream = events(answer)
        await say(client, task_id, 0, "a")
        await anext(stream)
        await finish(client, task_id)
        await asyncio.sleep(1.0)
        await say(client, task_id, 1, "b", end=True)
        assert [event["event"] async for event in stream] == ["piece", "result"]


async def test_that_a_silent_stream_is_kept_alive(
    http: aiohttp.ClientSession, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answer_stream, "KEEP_ALIVE_SECONDS", 0.5)
    task_id = await submit(http)
    async with asyncio.timeout(30), http.get(f"/v1/tasks/{task_id}/events") as answer:
        stream = events(answer)
        assert await anext(stream) == {"comment": "keep-alive"}
        await finish(client, task_id)
        assert (await anext(event async for event in stream if "comment" not in event))["event"] == "result"


async def test_that_an_unknown_task_or_event_is_refused(http: aiohttp.ClientSession) -> None:
    assert (await call(http, "GET", "/v1/tasks/nothing/events"))[1]["code"] == "unknown_task"
    task_id = await submit(http)
    for last in ("-1", "x", "1" * 19, " "):
        status, said = await call(http, "GET", f"/v1/tasks/{task_id}/events", Last_Event_ID=last)
        assert (status, said["code"]) == (422, "invalid_request"), json.dumps(said)
