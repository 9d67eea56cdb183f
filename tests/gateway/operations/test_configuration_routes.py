from __future__ import annotations

import json

import aiohttp
import pytest

from app.settings import Settings
from tests.gateway.requests import call

SECRET = "s3cr3t-value"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    given = {
        "models": {"one": {"provider": "openai", "model": "gpt-5", "api_key": SECRET}},
        "connectors": {"tickets": {"url": f"https://h/api?key={SECRET}", "headers": {"authorization": SECRET}}},
    }
    made = Settings.model_validate(given)
    return settings.model_copy(update={"models": made.models, "connectors": made.connectors})


async def test_that_what_is_configured_is_told_without_secrets(http: aiohttp.ClientSession) -> None:
    _, connectors = await call(http, "GET", "/v1/connectors")
    assert {row["name"]: row["built_in"] for row in connectors["data"]} == {
        "count_tokens": True,
        "embed": True,
        "similarity": True,
        "tickets": False,
    }
    assert [row["headers"] for row in connectors["data"] if row["name"] == "tickets"] == [["authorization"]]
    _, said = await call(http, "GET", "/v1/config")
    assert said["config"]["models"]["one"]["model"] == "gpt-5"
    assert SECRET not in json.dumps([connectors, said])


async def test_that_adapters_are_listed_and_described(http: aiohttp.ClientSession) -> None:
    _, page = await call(http, "GET", "/v1/adapters?limit=3")
    names = [row["name"] for row in page["data"]]
    assert (len(names), names) == (3, sorted(names))
    _, said = await call(http, "GET", "/v1/adapters/scripted")
    assert said["adapter"]["name"] == "scripted"
    assert said["example"]["provider"] == "scripted"
    status, said = await call(http, "GET", "/v1/adapters/scriptd")
    assert (status, said["code"], "`scripted`" in said["detail"]) == (404, "unknown_adapter", True)
