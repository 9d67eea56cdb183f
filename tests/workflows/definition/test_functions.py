from __future__ import annotations

import inspect
from dataclasses import dataclass
from datetime import date
from typing import Annotated

import pytest
from pydantic import BaseModel, Field

from app.connectors.function import FunctionConnector
from app.errors import ConnectorError
from app.workflows.definition.functions import function


class Line(BaseModel):
    name: str
    count: int = 1


@dataclass
class Total:
    day: date
    count: int


@function
def total(lines: list[Line], day: date = date(2026, 1, 1), *, factor: Annotated[int, Field(ge=1)] = 1) -> Total:
    return Total(day, factor * sum(line.count for line in lines))


@function
async def greet(name: str) -> dict[str, str]:
    return {"text": f"Hello {name}"}


async def test_that_arguments_arrive_in_their_types_and_results_as_json() -> None:
    connector = FunctionConnector(total)
    found = await connector.run({"lines": [{"name": "a", "count": 2}, {"name": "b"}], "factor": 3}, timeout=5)
    await connector.close()
    assert found == {"day": "2026-01-01", "count": 9}


async def test_that_async_functions_are_awaited() -> None:
    assert await FunctionConnector(greet).run({"name": "Ada"}, timeout=5) == {"text": "Hello Ada"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"lines": [{"name": "a", "count": "many"}]}, r"^arguments\.lines\.0\.count: "),
        ({}, r"lines"),
        ({"lines": [], "factor": 0}, r"^arguments\.factor: "),
        ({"lines": [], "facter": 1}, r"facter"),
    ],
)
async def test_that_what_does_not_fit_is_named_without_its_value(arguments: dict[str, object], message: str) -> None:
    connector = FunctionConnector(total)
    with pytest.raises(ConnectorError, match=message) as caught:
        await connector.run(arguments, timeout=5)  # type: ignore[arg-type]  # what a workflow may hand over
    assert "many" not in str(caught.value)
    await connector.close()


def test_that_a_function_stays_what_it_was() -> None:
    assert total.__name__ == "total"
    assert list(inspect.signature(total).parameters) == ["lines", "day", "factor"]
    assert inspect.iscoroutinefunction(greet)


def test_that_every_parameter_can_be_given_by_name() -> None:
    def positional(a: int, /) -> int:
        return a

    def anything(**rest: int) -> int:
        return len(rest)

    for call in (positional, anything):
        with pytest.raises(TypeError, match="cannot be given by name"):
            function(call)


def test_that_a_parameter_may_have_a_name_that_pydantic_keeps_for_itself() -> None:
    @function
    def odd(model_config: int, _private: int, schema: int) -> int:
        return model_config + _private + schema

    assert odd(model_config=1, _private=2, schema=3) == 6
