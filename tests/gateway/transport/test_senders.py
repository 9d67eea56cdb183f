from __future__ import annotations

from typing import Any

import aiohttp
import pytest
from pydantic import ValidationError
from starlette.datastructures import Headers

from app.brokers.base import Connection
from app.gateway.problems import Refusal
from app.gateway.transport.senders import Senders
from app.settings import GatewayCors, GatewaySecurity, GatewaySettings, Settings
from tests.gateway.keys import serving

APP = "https://app.example"


def refused(host: str, origin: str | None = None, **settings: Any) -> str:
    """Return the code of the refusal of a request, empty if it is answered."""
    given = {"host": host} | ({} if origin is None else {"origin": origin})
    try:
        Senders(GatewaySettings(**settings)).check(Headers(given))
    except Refusal as refusal:
        return refusal.code
    return ""


@pytest.mark.parametrize(
    ("host", "origin", "code"),
    [
        ("localhost:8089", None, ""),
        ("gateway.example", None, ""),
        ("GATEWAY.example:443", None, ""),
        ("gateway.example.evil", None, "wrong_host"),
        ("evil.example", None, "wrong_host"),
        ("gateway.example", "https://gateway.example", ""),
        ("gateway.example", APP, ""),
        ("gateway.example", f"{APP}:444", "foreign_origin"),
        ("gateway.example", "http://app.example", "foreign_origin"),
        ("gateway.example", "https://evil.example", "foreign_origin"),
        ("gateway.example", "null", "foreign_origin"),
        ("gateway.example", "http://[", "foreign_origin"),
        ("evil.example", APP, "wrong_host"),
    ],
)
@pytest.mark.parametrize("enabled", [False, True])
def test_that_hosts_and_origins_are_those_of_the_settings(
    host: str, origin: str | None, code: str, *, enabled: bool
) -> None:
    settings = {"hosts": ("Gateway.example",), "cors": GatewayCors(origins=(APP,))}
    assert refused(host, origin, **settings, security=GatewaySecurity(enabled=enabled)) == code


@pytest.mark.parametrize(
    ("host", "origin", "code"),
    [
        ("any.example", None, ""),
        ("any.example:8443", "https://any.example:8443", ""),
        ("any.example:8443", "https://any.example", "foreign_origin"),
        ("any.example", "https://evil.example", "foreign_origin"),
        ("any.example", "http://[", "foreign_origin"),
        ("", None, "wrong_host"),
    ],
)
def test_that_any_host_may_be_named_where_credentials_are_asked_for(host: str, origin: str | None, code: str) -> None:
    assert refused(host, origin, security=GatewaySecurity(enabled=True)) == code


@pytest.mark.parametrize(
    "origin", ["*", "app.example", f"{APP}/", f"{APP}/x", "https://App.example", "null", "https://["]
)
def test_that_an_origin_is_one(origin: str) -> None:
    with pytest.raises(ValidationError, match="give an origin such as"):
        GatewayCors(origins=(origin,))


async def test_that_pages_of_an_origin_may_use_it_and_others_may_not(embedded: Connection, settings: Settings) -> None:
    gateway = GatewaySettings(port=0, cors=GatewayCors(origins=(APP,)))
    async with serving(settings.model_copy(update={"gateway": gateway}), embedded) as http:
        asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,prefer"}
        async with http.options("/v1/tasks", headers={"Origin": APP, **asks}) as answer:
            assert answer.status == 200
            assert answer.headers["Access-Control-Allow-Origin"] == APP
            assert "Access-Control-Allow-Credentials" not in answer.headers
        async with http.post("/v1/tasks", json={"input": {"question": "?"}}, headers={"Origin": APP}) as answer:
            assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (202, APP)
            assert "X-Request-Id" in answer.headers["Access-Control-Expose-Headers"]
        async with http.get("/v1/nothing", headers={"Origin": APP}) as answer:  # a page may read errors, too
            assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (404, APP)
        for origin in ("https://evil.example", "null"):
            async with http.options("/v1/tasks", headers={"Origin": origin, **asks}) as answer:
                assert "Access-Control-Allow-Origin" not in answer.headers
            async with http.get("/v1/health", headers={"Origin": origin}) as answer:
                assert answer.status == 403
                assert "Access-Control-Allow-Origin" not in answer.headers


async def test_that_no_page_is_told_that_it_may_where_nothing_is_set(http: aiohttp.ClientSession) -> None:
    asks = {"Origin": APP, "Access-Control-Request-Method": "POST"}
    async with http.options("/v1/tasks", headers=asks) as answer:
        assert answer.status == 403
        assert "Access-Control-Allow-Origin" not in answer.headers
    async with http.get("/v1/health") as answer:
        assert "Strict-Transport-Security" not in answer.headers
