from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import BaseModel, JsonValue

from app.connectors.call import call_connector, plain
from app.errors import ConnectorError, ConnectorUnavailable, MissingDependency


class Does:
    """Returns or raises what it is given."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work
        self.timeouts: list[float] = []

    async def run(self, arguments: Mapping[str, JsonValue], *, timeout: float) -> JsonValue:
        assert arguments == {"a": 1}
        self.timeouts.append(timeout)
        result: JsonValue = self._work()
        return result

    async def close(self) -> None:
        """Hold nothing."""


class Never(Does):
    async def run(self, arguments: Mapping[str, JsonValue], *, timeout: float) -> JsonValue:  # noqa: ARG002  # the port's signature
        await asyncio.Event().wait()
        return None


def _raise(error: BaseException) -> Callable[[], Any]:
    def work() -> Any:
        raise error

    return work


async def test_that_what_it_returns_is_the_output() -> None:
    connector = Does(lambda: {"b": [1, None]})
    outcome = await call_connector("c", connector, {"a": 1}, timeout=5.0)
    assert (outcome.output, outcome.error) == ({"b": [1, None]}, None)
    assert outcome.seconds >= 0.0
    assert connector.timeouts == [5.0]


@pytest.mark.parametrize(
    "error", [ConnectorError("no", status=404), ConnectorUnavailable("away"), MissingDependency("pip")]
)
async def test_that_an_error_of_ours_is_the_outcome(error: Exception) -> None:
    outcome = await call_connector("c", Does(_raise(error)), {"a": 1}, timeout=5.0)
    assert (outcome.output, outcome.error) == (None, error)


async def test_that_the_time_out_holds_whatever_the_component_does() -> None:
    outcome = await call_connector("c", Never(lambda: None), {"a": 1}, timeout=0.01)
    assert outcome.error
    assert (outcome.error.code, outcome.error.transient) == ("timeout", True)
    assert str(outcome.error) == "no answer within 0.01 s"


async def test_that_a_fault_is_told_without_what_it_says(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        outcome = await call_connector("tickets", Does(_raise(KeyError("hunter2"))), {"a": 1}, timeout=5.0)
    assert outcome.error
    assert (outcome.error.code, outcome.error.transient) == ("connector", False)
    assert str(outcome.error) == "tickets failed with KeyError; see the worker's log"
    assert "in work" in caplog.text
    assert "hunter2" not in caplog.text


async def test_that_a_cancellation_is_no_outcome() -> None:
    task = asyncio.create_task(call_connector("c", Never(lambda: None), {"a": 1}, timeout=60.0))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


class Point(BaseModel):
    x: int = 1


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ({"a": (1, 2.5, True)}, {"a": [1, 2.5, True]}),
        (Point(), {"x": 1}),
        (datetime(2026, 11, 24, tzinfo=UTC), "2026-11-24T00:00:00Z"),
        (float("nan"), None),
        ({1: {"s"}}, {"1": ["s"]}),
    ],
)
def test_that_what_json_has_something_for_becomes_that(value: object, expected: JsonValue) -> None:
    assert plain(value) == expected


@pytest.mark.parametrize("value", [object(), b"\xff", "\ud800", [lambda: 1]])
def test_that_what_is_not_json_is_said(value: object) -> None:
    with pytest.raises(ConnectorError, match=f"the result \\({type(value).__name__}\\) cannot be represented as JSON"):
        plain(value)


def test_that_a_ring_is_not_json() -> None:
    ring: list[object] = []
    ring.append(ring)
    with pytest.raises(ConnectorError, match="cannot be represented as JSON"):
        plain(ring)


@pytest.mark.parametrize("fault", [asyncio.CancelledError(), SystemExit(3)])
async def test_that_what_it_raises_to_end_a_task_or_the_program_is_its_fault(fault: BaseException) -> None:
    outcome = await call_connector("c", Does(_raise(fault)), {"a": 1}, timeout=60.0)
    assert isinstance(outcome.error, ConnectorError)
    assert type(fault).__name__ in str(outcome.error)
