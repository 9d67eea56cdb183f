from __future__ import annotations

import aiohttp

from app.client.client import Client
from tests.gateway.requests import call, finish, submit
from topics import MODEL_RESPONSES
from topics.base import Failure
from topics.model_responses import ModelResponse, Usage


async def answer(client: Client, number: int, **fields: object) -> None:
    known: dict[str, object] = {"task_id": "t", "step": "s", "branch": "b", "model": "m", "seconds": 1.0}
    event = ModelResponse.model_validate({"id": f"r{number}", **known, **fields})
    await (await client.send(MODEL_RESPONSES, "t", event, id=event.id))


async def test_that_the_figures_of_a_window_and_the_queues_are_told(
    http: aiohttp.ClientSession, client: Client
) -> None:
    task = await submit(http)
    await submit(http)
    await finish(client, task)
    _, said = await call(http, "GET", "/v1/metrics/query")
    assert [(row["name"], row["count"], row["errors"]) for row in said["data"]] == [("ask", 1, {})]
    waiting = {one["topic"].removeprefix(client.settings.topics.prefix): one["waiting"] for one in said["queues"]}
    assert (waiting["tasks"], waiting["signals"]) == (2, 0)
    await answer(client, 1, usage=Usage(cost=0.25))
    await answer(client, 2, error=Failure(code="rate_limited", message="slow down"))
    await answer(client, 3, model="n")
    _, page = await call(http, "GET", "/v1/metrics/query?by=model&limit=1&window=10m")
    (row,) = page["data"]
    assert (row["name"], row["count"], row["cost"], row["p50"]) == ("m", 2, 0.25, 1.0)
    assert (row["errors"], row["error_rate"]) == ({"rate_limited": 1}, 0.5)
    _, rest = await call(http, "GET", f"/v1/metrics/query?by=model&limit=1&cursor={page['next']}")
    assert ([row["name"] for row in rest["data"]], rest["next"]) == (["n"], None)
    assert (await call(http, "GET", "/v1/metrics/query?by=user"))[0] == 422
