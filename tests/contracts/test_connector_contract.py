"""What every connector promises, whatever it reaches."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from app.conformance import check_names
from app.connectors.base import Connector
from app.connectors.call import plain
from app.connectors.conformance import ConnectorChecks, probe_connector
from app.connectors.registry import build, build_all
from app.settings import ConnectorSettings
from tests.connectors.embedders import Compass
from tests.connectors.service import Service
from tests.connectors.test_count_tokens import Words, asked
from tests.connectors.test_registry import plugin

EXAMPLES = {"up": ["north"], "right": ["east"]}


@dataclass(frozen=True, slots=True)
class Case:
    """A connector, and arguments that it takes."""

    connector: Connector
    arguments: dict[str, Any]


@pytest_asyncio.fixture(params=["http", "function", "similarity", "embed", "count_tokens"])
async def case(
    request: pytest.FixtureRequest, service: Service, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Case]:
    service.gives(text='{"open": true}', content_type="application/json")
    plugin(tmp_path, monkeypatch, "shout = tests.connectors.functions:shout")
    built_in = build_all({}, Compass(), {"words": Words()})
    made = {
        "http": lambda: Case(build("c", ConnectorSettings(url=service.url)), {"path": "tickets/3"}),
        "function": lambda: Case(build("c", ConnectorSettings(kind="shout")), {"text": "loud"}),
        "similarity": lambda: Case(built_in["similarity"].connector, {"text": "north", "examples": EXAMPLES}),
        "count_tokens": lambda: Case(built_in["count_tokens"].connector, asked("Why?")),
        "embed": lambda: Case(built_in["embed"].connector, {"text": "north"}),
    }[request.param]()
    yield made
    await made.connector.close()


@pytest_asyncio.fixture
async def service() -> AsyncIterator[Service]:
    async with Service.start() as running:
        yield running


async def test_that_equal_arguments_give_equal_outputs_which_are_json(case: Case) -> None:
    first = await case.connector.run(case.arguments, timeout=5.0)
    assert first is not None
    assert json.loads(json.dumps(plain(first))) == first
    assert await case.connector.run(case.arguments, timeout=5.0) == first


async def test_that_it_keeps_every_promise(case: Case) -> None:
    checks = {check.name: check async for check in probe_connector(case.connector, case.arguments, timeout=5.0)}
    assert [check for check in checks.values() if check.status != "pass"] == []
    assert list(checks) == check_names(ConnectorChecks)
