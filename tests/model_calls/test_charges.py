from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.model_calls.charges import Charge, charge
from app.models.base import Completion
from app.prices.price import Price
from app.settings import PriceSettings
from tests.agents.deps import assemble
from topics.model_requests import Message, ModelRequest, ToolCall
from topics.model_responses import Usage

REQUEST = ModelRequest(
    id="t/say/m/1", task_id="t", step="say", branch="m", model="m", messages=(Message(role="user", content="q" * 40),)
)
PRICE = Price.of(PriceSettings(input=1.0, output=10.0, batch=0.5))
CALL = ToolCall(id="1", name="look", arguments="{}" * 8)


def _charged(answer: Completion, *, price: Price | None = PRICE, **fields: Any) -> Charge:
    return charge(REQUEST, replace(assemble(m={}).models["m"], price=price), answer, **fields)


def _usage(read: int, wrote: int, cost: float = 0.0) -> Usage:
    return Usage(input_tokens=read, output_tokens=wrote, cost=cost)


@pytest.mark.parametrize(
    ("answer", "expected", "estimated"),
    [
        (Completion("ok", usage=_usage(50, 5)), _usage(50, 5, 100e-6), False),
        (Completion("ok", usage=_usage(50, 0)), _usage(50, 1, 60e-6), True),
        (Completion("ok", usage=_usage(0, 5)), _usage(10, 5, 60e-6), True),
        (Completion("ok" * 40), _usage(10, 20, 210e-6), True),
        (Completion("ok" * 20, left_out="ok" * 20), _usage(10, 20, 210e-6), True),
        (Completion("", usage=_usage(50, 0)), _usage(50, 0, 50e-6), False),  # nothing was written
        (Completion("", reasoning="hm" * 4, usage=_usage(50, 0)), _usage(50, 2, 70e-6), True),
        (Completion("", tool_calls=(CALL,), usage=_usage(50, 0)), _usage(50, 5, 100e-6), True),
        (Completion("ok", usage=_usage(-3, -7)), _usage(10, 1, 20e-6), True),
    ],
)
def test_what_was_not_counted_is_estimated(answer: Completion, expected: Usage, *, estimated: bool) -> None:
    assert _charged(answer) == Charge(expected, estimated)


def test_what_is_continued_is_read_again() -> None:
    assert _charged(Completion("ok"), said="s" * 20).usage.input_tokens == 15


def test_a_batch_costs_its_share() -> None:
    assert _charged(Completion("ok", usage=_usage(50, 5)), batched=True).usage.cost == 50e-6


def test_without_a_price_there_are_tokens_and_no_cost() -> None:
    assert _charged(Completion("ok", usage=_usage(50, 5)), price=None).usage == _usage(50, 5)
