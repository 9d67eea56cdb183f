from __future__ import annotations

from dataclasses import replace
from typing import Any
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dependencies import ConfiguredModel
from app.errors import ContentFiltered, ModelError, ModelTimeout, RateLimited, Unavailable
from app.model_calls.spend_records import outgoing, spends, total
from app.models.base import Completion
from app.models.outcome import Attempt
from app.prices.price import Price
from app.settings import PriceSettings
from tests.agents.deps import assemble
from topics import SPEND
from topics.model_requests import Message, ModelRequest
from topics.model_responses import Usage
from topics.spend import Spend

REQUEST = ModelRequest(
    id="t/say/m/1",
    task_id="t",
    step="say",
    branch="m",
    model="m",
    messages=(Message(role="user", content="x" * 400),),  # about 100 tokens
    tenant="acme",
    workflow="w",
)
PRICE = Price.of(PriceSettings(input=1.0, output=10.0), as_of="2026-01-31", source="a page")
CUT = Unavailable("gone")
COUNTED = Completion("ok", usage=Usage(input_tokens=50, output_tokens=5))


def _configured(*, provider: str = "paid", price: Price | None = PRICE) -> ConfiguredModel:
    limiter = Mock()
    limiter.model.provider = provider
    settings = assemble(m={}).models["m"].settings.model_copy(update={"model": "m-1"})
    return ConfiguredModel(limiter, settings, price)


def _spends(*attempts: Attempt, request: ModelRequest = REQUEST, **configured: Any) -> list[Spend]:
    return spends(request, _configured(**configured), attempts, "n", 1_700_000_000.0)


def _total(*attempts: Attempt, **configured: Any) -> Usage:
    return total(REQUEST, _configured(**configured), attempts)


def test_that_a_record_says_who_paid_for_what_and_by_which_price() -> None:
    (spend,) = _spends(Attempt(1, 0.25, COUNTED))
    assert (spend.id, spend.request_id, spend.task_id) == ("t/say/m/1#n.1", "t/say/m/1", "t")
    assert (spend.tenant, spend.workflow, spend.step, spend.model) == ("acme", "w", "say", "m")
    assert (spend.provider, spend.provider_model, spend.seconds) == ("paid", "m-1", 0.25)
    assert (spend.outcome, spend.error, spend.estimated, spend.priced) == ("answered", "", False, "2026-01-31")
    assert spend.usage == Usage(input_tokens=50, output_tokens=5, cost=100e-6)
    assert spend.at.timestamp() == 1_700_000_000.0
    (event,) = outgoing([spend], 3)
    assert (event.topic, event.key, event.id, event.partition) == (SPEND, "t", spend.id, 3)


def test_that_an_answer_that_was_cut_off_is_estimated_and_what_stood_of_it_is_read_again() -> None:
    begun = Attempt(1, 1.0, error=CUT, text="y" * 80)
    cut, rest = _spends(begun, Attempt(2, 1.0, Completion("z" * 40), said=begun.text))
    assert (cut.outcome, cut.estimated) == ("cut", True)
    assert cut.usage == Usage(input_tokens=100, output_tokens=20, cost=300e-6)
    assert (rest.outcome, rest.estimated) == ("answered", True)  # the provider did not count
    assert (rest.usage.input_tokens, rest.usage.output_tokens) == (120, 10)


def test_that_an_attempt_that_was_cut_off_while_it_was_reasoning_has_read_the_prompt() -> None:
    (spend,) = _spends(Attempt(1, 1.0, error=CUT, first_token=0.5))
    assert (spend.outcome, spend.usage.input_tokens, spend.usage.output_tokens) == ("cut", 100, 0)


def test_that_an_attempt_that_was_lost_is_paid_for_and_not_read_again() -> None:
    lost, answered = _spends(Attempt(1, 1.0, text="y" * 80, lost=True), Attempt(2, 1.0, Completion("z" * 40)))
    assert (lost.outcome, lost.estimated) == ("lost", True)
    assert (lost.usage.input_tokens, lost.usage.output_tokens) == (100, 20)
    assert answered.usage.input_tokens == 100


def test_that_a_repetition_that_was_dropped_is_paid_for() -> None:
    (spend,) = _spends(Attempt(1, 1.0, Completion("z" * 40), partial=Completion("y" * 40 + "z" * 40)))
    assert (spend.outcome, spend.usage.output_tokens) == ("answered", 20)


def test_that_an_attempt_that_was_lost_but_counted_has_that_count() -> None:
    (lost, _) = _spends(Attempt(1, 1.0, COUNTED, lost=True), Attempt(2, 1.0, COUNTED))
    assert (lost.outcome, lost.estimated, lost.usage.input_tokens) == ("lost", False, 50)


@pytest.mark.parametrize("error", [RateLimited("later"), Unavailable("refused"), ModelError("no")])
@pytest.mark.parametrize("lost", [True, False])
def test_that_what_failed_before_anything_came_costs_nothing(error: ModelError, *, lost: bool) -> None:
    failed = Attempt(1, 1.0, error=error, lost=lost)
    assert _spends(failed) == []
    assert _total(failed) == Usage()


def test_that_an_attempt_for_which_nobody_waited_any_more_has_read_the_prompt() -> None:
    (spend,) = _spends(Attempt(1, 1.0, error=ModelTimeout("too long")))
    assert (spend.outcome, spend.estimated, spend.usage) == ("cut", True, Usage(input_tokens=100, cost=100e-6))


def test_that_an_attempt_that_never_reached_the_provider_costs_nothing() -> None:
    error = ModelTimeout("no connection")
    error.sent = False
    assert _spends(Attempt(1, 1.0, error=error)) == []


def test_that_without_a_known_price_tokens_are_recorded_and_money_is_not() -> None:
    (spend,) = _spends(Attempt(1, 1.0, COUNTED), price=None)
    assert (spend.priced, spend.usage) == ("", COUNTED.usage)


@pytest.mark.parametrize("provider", ["local", "scripted"])
def test_that_what_runs_here_is_recorded_only_if_it_has_a_price(provider: str) -> None:
    assert _spends(Attempt(1, 1.0, COUNTED), provider=provider, price=None) == []
    assert len(_spends(Attempt(1, 1.0, COUNTED), provider=provider)) == 1


def test_that_an_answer_that_does_not_count_is_paid_for_as_it_was_counted() -> None:
    (spend,) = _spends(Attempt(1, 1.0, error=ContentFiltered("no"), partial=COUNTED))
    assert (spend.outcome, spend.error, spend.estimated) == ("cut", "content_filtered", False)
    assert spend.usage == COUNTED.usage.model_copy(update={"cost": 100e-6})


def test_that_an_answer_of_which_nothing_is_known_has_read_the_prompt() -> None:
    (spend,) = _spends(Attempt(1, 1.0, error=CUT, partial=Completion("")))
    assert (spend.outcome, spend.estimated, spend.usage) == ("cut", True, Usage(input_tokens=100, cost=100e-6))


def test_that_what_a_lost_attempt_wrote_is_paid_for_though_nobody_heard_it() -> None:
    lost, _ = _spends(Attempt(1, 1.0, lost=True, partial=Completion("y" * 80)), Attempt(2, 1.0, COUNTED))
    assert (lost.usage.input_tokens, lost.usage.output_tokens) == (100, 20)


COUNTS = st.integers(0, 10**7)
USAGES = st.builds(
    Usage, input_tokens=COUNTS, output_tokens=COUNTS, cached_input_tokens=COUNTS, reasoning_tokens=COUNTS
)
TEXTS = st.text("ab ", max_size=40)
COMPLETIONS = st.builds(Completion, text=TEXTS, usage=USAGES)
ERRORS = st.sampled_from([RateLimited("later"), CUT, ModelTimeout("late")])
ATTEMPTS = st.one_of(
    st.builds(Attempt, number=st.just(0), seconds=st.floats(0, 9), completion=COMPLETIONS, lost=st.booleans()),
    st.builds(Attempt, number=st.just(0), seconds=st.floats(0, 9), error=ERRORS, text=TEXTS, lost=st.booleans()),
    st.builds(Attempt, number=st.just(0), seconds=st.floats(0, 9), error=ERRORS, partial=COMPLETIONS),
)


@given(st.lists(ATTEMPTS, min_size=1, max_size=6))
def test_that_the_usage_of_a_call_is_the_sum_of_its_records(attempts: list[Attempt]) -> None:
    numbered = [replace(attempt, number=place + 1) for place, attempt in enumerate(attempts)]
    records, whole = _spends(*numbered), _total(*numbered)
    summed = sum((spend.usage for spend in records), start=Usage())
    assert whole == summed
    assert len({spend.id for spend in records}) == len(records)
    assert all(spend.usage.cost >= 0 for spend in records)
