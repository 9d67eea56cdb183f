from __future__ import annotations

import aiohttp

from app.client.client import Client
from tests.gateway.requests import call, finish, submit
from topics.base import Failure
from topics.model_responses import Usage


async def test_that_runs_are_listed_with_what_they_took(http: aiohttp.ClientSession, client: Client) -> None:
    ids = [await submit(http, tenant="acme" if number else "") for number in range(3)]
    await finish(client, ids[0], usage=Usage(input_tokens=2, output_tokens=3, cost=0.5))
    await finish(client, ids[1], status="failed", error=Failure(code="timeout", message="late"))
    for one in ids[:2]:
        await call(http, "GET", f"/v1/results/{one}", Prefer="wait=20")
    _, said = await call(http, "GET", "/v1/runs")
    facts = [(row["id"], row["status"], row["tokens"], row["cost"], row["error"]) for row in said["data"]]
    assert facts == [
        (ids[2], "running", None, None, None),
        (ids[1], "failed", 0, 0.0, "timeout"),
        (ids[0], "succeeded", 5, 0.5, None),
    ]
    for query, found in (
        ("status=failed", [ids[1]]),
        ("status=running", [ids[2]]),
        ("tenant=acme", ids[:0:-1]),
        ("workflow=other", []),
    ):
        assert [row["id"] for row in (await call(http, "GET", f"/v1/runs?{query}"))[1]["data"]] == found, query
