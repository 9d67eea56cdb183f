from __future__ import annotations

import asyncio

import pytest

from app.errors import ModelError, Overloaded, RateLimited, Unauthorized
from app.models.base import Model
from app.models.calling import call
from app.models.guards.building import guarded, guarded_batches
from app.models.guards.turnstile import Turnstile
from app.models.outcome import Outcome
from app.models.pool import Pool
from app.routing.breaker import Breaker, Circuit, Tuning
from app.settings import ModelSettings
from tests.models.guards.samples import PROMPT, Named, answered, failed
from tests.models.streaming import Player, clock
from tests.models.virtual import now, run


def _gate(model: Model, *, callers: int = 1, **fields: object) -> Turnstile:
    settings = ModelSettings.model_validate({"provider": "scripted", **fields})
    circuit = Circuit(Breaker(Tuning(quiet=0)), lambda _breaker, _now: None, lambda: None)
    return guarded("gpt", model, settings, circuit, callers=lambda: callers, now=now)


async def _at_once(gate: Turnstile) -> int:
    """Return how many attempts pass without a wait."""
    passed = 0
    try:
        async with asyncio.timeout(0.001):
            while passed < 1000:
                await gate.enter(PROMPT, priority=0, deadline=None)
                passed += 1
    except TimeoutError:
        pass
    return passed


@pytest.mark.parametrize(("keys", "callers", "passed"), [(1, 1, 10), (1, 2, 5), (2, 1, 20), (3, 2, 15)])
def test_limits_are_of_a_key_and_shared_by_the_workers(keys: int, callers: int, passed: int) -> None:
    pool = Pool([Named(str(number)) for number in range(keys)])
    limits = {"requests_per_minute": 120}

    assert run(_at_once(_gate(pool, callers=callers, limits=limits))) == passed


def test_a_key_that_rests_takes_its_part_of_the_limits_with_it() -> None:
    async def world() -> int:
        gate = _gate(Pool([Named("a"), Named("b")]), limits={"requests_per_minute": 120})
        (await gate.enter(PROMPT, priority=0, deadline=None)).leave(failed("unauthorized"))
        return await _at_once(gate)

    assert run(world()) == 10


def test_calls_go_with_the_keys_in_turn_and_past_one_that_is_refused() -> None:
    async def world() -> list[str]:
        gate, names = _gate(Pool([Named("a"), Named("b")])), []
        for attempt in (answered(), failed("unauthorized"), answered(), answered()):
            passage = await gate.enter(PROMPT, priority=0, deadline=None)
            names.append(passage.model.name if isinstance(passage.model, Named) else "")
            passage.leave(attempt)
        return names

    assert run(world()) == ["a", "b", "a", "a"]


def test_one_bad_key_among_good_ones_does_not_open_the_breaker_but_all_together_do() -> None:
    async def world() -> None:
        gate = _gate(Pool([Named(str(number)) for number in range(9)]))
        for _ in range(8):
            (await gate.enter(PROMPT, priority=0, deadline=None)).leave(failed("unauthorized"))
        (await gate.enter(PROMPT, priority=0, deadline=None)).leave(failed("unauthorized"))
        with pytest.raises(Unauthorized):
            await gate.enter(PROMPT, priority=0, deadline=None)

    run(world())


def test_one_model_that_fails_is_refused() -> None:
    async def world() -> None:
        gate = _gate(Named())
        for _ in range(5):
            (await gate.enter(PROMPT, priority=0, deadline=None)).leave(failed("unavailable"))
        with pytest.raises(Overloaded, match="breaker of gpt is open"):
            await gate.enter(PROMPT, priority=0, deadline=None)

    run(world())


@pytest.mark.parametrize("error", [Unauthorized("wrong key"), RateLimited("too many", retry_after=60.0)])
def test_a_call_whose_key_is_turned_down_goes_on_at_once_with_another(error: ModelError) -> None:
    async def world() -> Outcome:
        gate = _gate(Pool([Player([error], whole=True), Player(["Hi."], whole=True)]))
        return await call(gate, PROMPT, settings=ModelSettings(provider="scripted"), clock=clock())

    outcome = run(world())
    assert outcome.completion
    assert (outcome.completion.text, outcome.tries, outcome.seconds) == ("Hi.", 2, 0.0)


def test_a_call_whose_only_key_is_turned_down_ends() -> None:
    async def world() -> Outcome:
        gate = _gate(Player([Unauthorized("wrong key")], whole=True))
        return await call(gate, PROMPT, settings=ModelSettings(provider="scripted"), clock=clock())

    assert run(world()).tries == 1


def test_batches_share_the_breaker_with_calls_and_go_with_the_first_key_past_all_limits() -> None:
    async def world() -> None:
        circuit = Circuit(Breaker(Tuning(quiet=0)), lambda _breaker, _now: None, lambda: None)
        pool = Pool([Named("a"), Named("b")])
        gate = guarded_batches("gpt", pool, circuit, now=now)
        for _ in range(50):
            passage = await gate.enter(PROMPT, priority=0, deadline=None)
            assert passage.model is pool.models[0]
        for _ in range(50):
            passage.leave(failed("unavailable"))
        with pytest.raises(Overloaded):
            await gate.enter(PROMPT, priority=0, deadline=None)

    run(world())
