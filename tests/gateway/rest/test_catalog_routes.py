from __future__ import annotations

import aiohttp
import pytest

from app.client.client import Client
from app.settings import ModelSettings, Settings
from tests.gateway.requests import call, deploy, submit, waiting


@pytest.fixture
def settings(settings: Settings) -> Settings:
    models = {"refund": ModelSettings(provider="scripted"), "big/one": ModelSettings(provider="scripted")}
    return settings.model_copy(update={"models": models})


async def test_that_workflows_are_listed_with_their_versions(http: aiohttp.ClientSession, client: Client) -> None:
    for version in (1, 2):
        await deploy(client, "refund", version, waiting(f"signal-{version}"))
    await submit(http, workflow="refund")
    status, said = await call(http, "GET", "/v1/workflows")
    assert status == 200
    found = {one["id"]: one for one in said["data"]}
    assert found["ask"]["input"]["required"] == ["question"]
    assert found["refund"]["version"] in found["refund"]["versions"]
    status, spec = await call(http, "GET", "/v1/workflows/refund")
    assert (status, spec["id"], spec["version"]) == (200, "refund", found["refund"]["version"])
    status, said = await call(http, "GET", "/v1/workflows/refnd")
    assert (status, said["code"]) == (404, "unknown_workflow")
    assert "did you mean `refund`?" in said["detail"]


async def test_that_all_that_answers_is_a_model(http: aiohttp.ClientSession, client: Client) -> None:
    status, said = await call(http, "GET", "/v1/models")
    owners = {"ask": "workflow", "auto": "router", "big/one": "scripted", "minilm": "embedder", "refund": "scripted"}
    assert (status, said["object"], {one["id"]: one["owned_by"] for one in said["data"]}) == (200, "list", owners)
    assert (await call(http, "GET", "/v1/models/big/one"))[1] == next(
        one for one in said["data"] if one["id"] == "big/one"
    )
    await deploy(client, "refund", 1, waiting("s"))
    await submit(http, workflow="refund")
    assert (await call(http, "GET", "/v1/models/refund"))[1]["owned_by"] == "workflow"


async def test_that_an_unknown_model_is_named_with_what_may_be_meant(http: aiohttp.ClientSession) -> None:
    status, said = await call(http, "GET", "/v1/models/refnd")
    assert status == 404
    assert "did you mean `refund`?" in str(said)


async def test_that_a_deployed_workflow_takes_the_place_of_a_built_in_one(
    http: aiohttp.ClientSession, client: Client
) -> None:
    await deploy(client, "ask", 1, waiting("s"))
    await deploy(client, "refund", 1, waiting("s"))
    await submit(http, workflow="refund")  # which reads what is deployed
    assert (await call(http, "GET", "/v1/workflows/ask"))[1]["steps"] == waiting("s")


async def test_that_only_its_own_partition_says_what_a_workflow_is(http: aiohttp.ClientSession, client: Client) -> None:
    await deploy(client, "refund", 1, waiting("old"))
    await deploy(client, "refund", 2, waiting("stray"), elsewhere=True)
    await submit(http, workflow="refund")
    status, said = await call(http, "GET", "/v1/workflows/refund")
    assert (status, said["steps"]) == (200, waiting("old"))
    (listed,) = (one for one in (await call(http, "GET", "/v1/workflows"))[1]["data"] if one["id"] == "refund")
    assert listed["versions"] == [1]
