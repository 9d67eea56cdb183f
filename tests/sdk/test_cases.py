from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from operator import attrgetter
from typing import Any
from urllib.request import urlopen

import httpx2
import pytest

from meta_ai_orchestrator import AsyncClient, AsyncStream, Client, MetaAIError, Stream
from tests.sdk.case_server import CASES, case_server, differences, item, options_of, outcome_of_error


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with case_server() as found:
        yield found


@pytest.fixture(scope="module")
def in_threads(address: str) -> dict[str, dict[str, Any]]:
    """What comes of all cases, at the same time: most of them wait."""
    with ThreadPoolExecutor(len(CASES)) as pool, httpx2.Client() as http:
        return dict(zip(CASES, pool.map(lambda name: called(http, address, name), CASES), strict=True))


@pytest.fixture(scope="module")
def in_a_loop(address: str) -> dict[str, dict[str, Any]]:
    async def all_of_them() -> list[dict[str, Any]]:
        async with httpx2.AsyncClient() as http:
            return await asyncio.gather(*(awaited(http, address, name) for name in CASES))

    return dict(zip(CASES, asyncio.run(all_of_them()), strict=True))


def called(http: httpx2.Client, address: str, name: str) -> dict[str, Any]:
    items: list[Any] = []
    call = CASES[name]["call"]
    with Client(http_client=http, **options_of(CASES[name], address, name, "sync")) as client:
        try:
            found = attrgetter(call["method"])(client)(**call["arguments"])
            if not isinstance(found, Stream):
                return {"items" if isinstance(found, list) else "value": found}
            items.extend(map(item, found))
        except MetaAIError as error:
            return {"items": items, "error": outcome_of_error(error)}
        return {"items": items}


async def awaited(http: httpx2.AsyncClient, address: str, name: str) -> dict[str, Any]:
    items: list[Any] = []
    call = CASES[name]["call"]
    async with AsyncClient(http_client=http, **options_of(CASES[name], address, name, "async")) as client:
        try:
            found = attrgetter(call["method"])(client)(**call["arguments"])
            if not isinstance(found, AsyncStream):
                value = await found
                return {"items" if isinstance(value, list) else "value": value}
            async for one in found:
                items.append(item(one))  # noqa: PERF401  # those before an error count
        except MetaAIError as error:
            return {"items": items, "error": outcome_of_error(error)}
        return {"items": items}


def verdict(address: str, name: str, run: str) -> list[str]:
    with urlopen(f"{address}/{name}/{run}/verdict") as answer:  # noqa: S310  # our own server
        problems: list[str] = json.load(answer)["problems"]
    return problems


@pytest.mark.parametrize("name", CASES)
def test_case(name: str, address: str, in_threads: dict[str, dict[str, Any]]) -> None:
    assert differences(CASES[name]["outcome"], in_threads[name]) == []
    assert verdict(address, name, "sync") == []


@pytest.mark.parametrize("name", CASES)
def test_case_with_await(name: str, address: str, in_a_loop: dict[str, dict[str, Any]]) -> None:
    assert differences(CASES[name]["outcome"], in_a_loop[name]) == []
    assert verdict(address, name, "async") == []
