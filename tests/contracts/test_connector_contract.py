"""What every connector promises, whatever it reaches."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from app.connectors.base import Connector
from app.connectors.call import call_connector, plain
from app.connectors.registry import build, build_all
from app.errors import ConnectorError
from app.settings import ConnectorSettings
from tests.connectors.embedders import Compass
from tests.connectors.service import Service
from tests.connectors.test_registry import plugin

EXAMPLES = {"up": ["north"], "right": ["east"]}


@dataclass(frozen=True, slots=True)
class Case:
    """A connector, and arguments that it takes."""

    connector: Connector
    arguments: dict[str, Any]


@pytest_asyncio.fixture(params=["http", "function", "similarity", "embed"])
async def case(
    request: pytest.FixtureRequest, service: Service, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Case]:
    service.gives(text='{"open": true}', content_type="application/json")
    plugin(tmp_path, monkeypatch, "shout = tests.connectors.functions:shout")
    built_in = build_all({}, Compass())
    made = {
        "http": lambda: Case(build("c", ConnectorSettings(url=service.url)), {"path": "tickets/3"}),
        "function": lambda: Case(build("c", ConnectorSettings(kind="shout")), {"text": "loud"}),
        "similarity": lambda: Case(built_in["similarity"].connector, {"text": "north", "examples": EXAMPLES}),
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


async def test_that_many_run_at_once(case: Case) -> None:
    outputs = await asyncio.gather(*(case.connector.run(case.arguments, timeout=5.0) for _ in range(20)))
    assert all(output == outputs[0] for output in outputs)


async def test_that_an_argument_that_it_does_not_know_is_refused_by_name(case: Case) -> None:
    with pytest.raises(ConnectorError, match="wrong_name") as raised:
        await case.connector.run({**case.arguments, "wrong_name": "hunter2"}, timeout=5.0)
    assert not raised.value.transient
    assert "hunter2" not in str(raised.value)


async def test_that_arguments_are_not_changed(case: Case) -> None:
    before = json.dumps(case.arguments)
    await case.connector.run(case.arguments, timeout=5.0)
    assert json.dumps(case.arguments) == before


async def test_that_it_can_be_closed_twice_and_then_fails_without_harm(case: Case) -> None:
    await case.connector.close()
    await case.connector.close()
    outcome = await call_connector("c", case.connector, case.arguments, timeout=5.0)
    assert outcome.error is None or isinstance(outcome.error, ConnectorError)
