from __future__ import annotations

import contextvars
import threading
from typing import Any

import pytest

from app.connectors.call import call_connector
from app.connectors.function import FunctionConnector
from app.errors import ConfigurationError, ConnectorError
from app.settings import ConnectorSettings
from tests.connectors import functions

CONTEXT: contextvars.ContextVar[str] = contextvars.ContextVar("context", default="none")


async def _run(function: Any, **arguments: Any) -> Any:
    made = FunctionConnector(function)
    try:
        return await made.run(arguments, timeout=1.0)
    finally:
        await made.close()


async def test_that_arguments_are_the_keywords_of_a_plain_function() -> None:
    assert await _run(functions.ticket, number=3, opened="2026-11-24") == functions.ticket(3, opened="2026-11-24")


@pytest.mark.parametrize("function", [functions.shout, functions.waiting])
async def test_that_what_is_to_be_awaited_is(function: Any) -> None:
    assert await _run(function, text="loud") == "LOUD"


async def test_that_any_callable_will_do() -> None:
    assert await _run(functions.greet, name="Ada") == "Hello, Ada"
    assert await _run(lambda x: x + 1, x=1) == 2


async def test_that_a_plain_function_does_not_stop_the_loop() -> None:
    assert await _run(functions.thread) != threading.current_thread().name


async def test_that_a_plain_function_sees_the_callers_context() -> None:
    def trace() -> str:
        return CONTEXT.get()

    CONTEXT.set("a trace")
    assert await _run(trace) == "a trace"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "missing a required argument: 'text'"),
        ({"text": "x", "volume": 3}, "got an unexpected keyword argument 'volume'"),
    ],
)
async def test_that_wrong_arguments_are_named(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ConnectorError, match=f"arguments: {said}"):
        await _run(functions.shout, **arguments)


async def test_that_an_operators_options_are_keywords_which_a_workflow_cannot_change() -> None:
    settings = ConnectorSettings(kind="greet", options={"greeting": "Ahoy"})
    made = FunctionConnector.from_settings("hello", settings, functions.greet)
    assert await made.run({"name": "Ada"}, timeout=1.0) == "Ahoy, Ada"
    with pytest.raises(ConnectorError, match=r"arguments\.greeting: is already set in the connector's settings"):
        await made.run({"name": "Ada", "greeting": "Boo"}, timeout=1.0)
    await made.close()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"options": {"volume": 3}}, r"connectors\.hello\.options: shout: got an unexpected keyword"),
        ({"url": "http://127.0.0.1"}, r"connectors\.hello\.url: only valid for kind: http"),
        ({"headers": {"a": "b"}}, r"connectors\.hello\.headers: only valid for kind: http"),
    ],
)
def test_that_settings_that_do_not_fit_are_named(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        FunctionConnector.from_settings("hello", ConnectorSettings.model_validate(settings), functions.shout)


async def test_that_no_more_threads_run_than_the_settings_allow_and_one_that_hangs_is_left_behind() -> None:
    go, began = threading.Event(), list[int]()

    def hang(number: int) -> int:
        began.append(number)
        go.wait()
        return number

    made = FunctionConnector(hang, threads=1)
    for number in (1, 2):
        outcome = await call_connector("hang", made, {"number": number}, timeout=0.05)
        assert outcome.error
        assert outcome.error.code == "timeout"
    assert began == [1]  # the second never got the thread, and gave its place up
    go.set()
    assert (await call_connector("hang", made, {"number": 3}, timeout=5.0)).output == 3
    assert began == [1, 3]
    await made.close()
