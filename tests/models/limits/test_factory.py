from __future__ import annotations

import asyncio
import time

import pytest

from app.errors import ModelError, Overloaded, RateLimited, Unauthorized
from app.models.base import BATCH_CALLS, Model
from app.models.calling.call import call
from app.models.capacity import Capacity
from app.models.limits.admission_queue import AdmissionQueue
from app.models.limits.factory import build_batch_limiter, build_limiter
from app.models.outcome import Outcome
from app.models.pool import Pool
from app.routing.breaker import Breaker, BreakerTuning, Circuit
from app.settings import ModelSettings
from tests.models.calling.streams import Player, clock
from tests.models.limits.samples import PROMPT, Named, Sized, answered, failed
from tests.models.virtual_time import now, run


def _gate(model: Model, *, callers: int = 1, **fields: object) -> AdmissionQueue:
    settings = ModelSettings.model_validate({"provider": "scripted", **fields})
    circuit = Circuit(Breaker(BreakerTuning(quiet=0)), lambda _breaker, _now: None, lambda: None)
    return build_limiter("gpt", model, settings, circuit, callers=lambda: callers, now=now)


async def _at_once(limiter: AdmissionQueue) -> int:
    """Return how many attempts pass without a wait."""
    passed = 0
    try:
        async with asyncio.timeout(0.001):
            while passed < 1000:
                await limiter.enter(PROMPT, priority=0, deadline=None)
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
        limiter = _gate(Pool([Named("a"), Named("b")]), limits={"requests_per_minute": 120})
        (await limiter.enter(PROMPT, priority=0, deadline=None)).leave(failed("unauthorized"))
        return await _at_once(limiter)

    assert run(world()) == 10


def test_calls_go_with_the_keys_in_turn_and_past_one_that_is_refused() -> None:
    async def world() -> list[str]:
        limiter, names = _gate(Pool([Named("a"), Named("b")])), []
        for attempt in (answered(), failed("unauthorized"), answered(), answered()):
            permit = await limiter.enter(PROMPT, priority=0, deadline=None)
            names.append(permit.model.name if isinstance(permit.model, Named) else "")
            permit.leave(attempt)
        return names

    assert run(world()) == ["a", "b", "a", "a"]


def test_one_bad_key_among_good_ones_does_not_open_the_breaker_but_all_together_do() -> None:
    async def world() -> None:
        limiter = _gate(Pool([Named(str(number)) for number in range(9)]))
        for _ in range(8):
            (await limiter.enter(PROMPT, priority=0, deadline=None)).leave(failed("unauthorized"))
        (await limiter.enter(PROMPT, priority=0, deadline=None)).leave(failed("unauthorized"))
        with pytest.raises(Unauthorized):
            await limiter.enter(PROMPT, priority=0, deadline=None)

    run(world())


def test_one_model_that_fails_is_refused() -> None:
    async def world() -> None:
        limiter = _gate(Named())
        for _ in range(5):
            (await limiter.enter(PROMPT, priority=0, deadline=None)).leave(failed("unavailable"))
        with pytest.raises(Overloaded, match="breaker of gpt is open"):
            await limiter.enter(PROMPT, priority=0, deadline=None)

    run(world())


@pytest.mark.parametrize("error", [Unauthorized("wrong key"), RateLimited("too many", retry_after=60.0)])
def test_a_call_whose_key_is_turned_down_goes_on_at_once_with_another(error: ModelError) -> None:
    async def world() -> Outcome:
        limiter = _gate(Pool([Player([error], whole=True), Player(["Hi."], whole=True)]))
        return await call(limiter, PROMPT, settings=ModelSettings(provider="scripted"), clock=clock())

    outcome = run(world())
    assert outcome.completion
    assert (outcome.completion.text, outcome.tries, outcome.seconds) == ("Hi.", 2, 0.0)


def test_a_call_whose_only_key_is_turned_down_ends() -> None:
    async def world() -> Outcome:
        limiter = _gate(Player([Unauthorized("wrong key")], whole=True))
        return await call(limiter, PROMPT, settings=ModelSettings(provider="scripted"), clock=clock())

    assert run(world()).tries == 1


def test_few_calls_about_batches_are_under_way_at_once() -> None:
    circuit = Circuit(Breaker(BreakerTuning(quiet=0)), lambda _breaker, _now: None, lambda: None)

    async def world() -> int:
        return await _at_once(build_batch_limiter("gpt", Named(), circuit, now=now))

    assert run(world()) == BATCH_CALLS


@pytest.mark.parametrize(("chosen", "passed"), [({}, 3), ({"max_concurrency": 2}, 2), ({"max_concurrency": 9}, 3)])
def test_a_model_is_given_no_more_calls_than_it_takes_at_once(chosen: dict[str, int], passed: int) -> None:
    assert run(_at_once(_gate(Sized(3), **chosen))) == passed


def test_each_key_is_given_no_more_calls_than_its_component_takes() -> None:
    async def world() -> list[Model]:
        limiter = _gate(Pool([Sized(1), Sized(2)]))
        first = [await limiter.enter(PROMPT, priority=0, deadline=None) for _ in range(3)]
        assert await _at_once(limiter) == 0
        first[1].leave(answered())
        return [(await limiter.enter(PROMPT, priority=0, deadline=None)).model, first[1].model]

    again, left = run(world())
    assert again is left


def test_models_that_share_a_capacity_have_its_places_in_turn() -> None:
    async def world() -> list[str]:
        capacity, order = Capacity(1), list[str]()
        gates = {name: _gate(Sized(capacity)) for name in "abc"}

        async def ask(name: str) -> None:
            permit = await gates[name].enter(PROMPT, priority=0, deadline=None)
            order.append(name)
            await asyncio.sleep(1)
            permit.leave(answered())

        await asyncio.gather(*(ask(name) for name in "aaabbbccc"))
        return order

    first, *order = run(world())  # the first found it free
    assert (first, [sorted(order[turn : turn + 3]) for turn in (0, 3, 6)]) == (
        "a",
        [list("abc"), list("abc"), list("bc")],
    )


def test_a_place_that_is_still_used_after_its_call_was_given_up_is_waited_for() -> None:
    async def world() -> float:
        capacity = Capacity(1)
        limiter, began = _gate(Sized(capacity)), now()
        permit = await limiter.enter(PROMPT, priority=0, deadline=None)
        capacity.take()  # as a component does whose thread cannot be stopped
        asyncio.get_running_loop().call_later(7, capacity.release)
        permit.leave(failed("timeout"))
        await limiter.enter(PROMPT, priority=0, deadline=None)
        return now() - began

    assert run(world()) == pytest.approx(7)


def test_waiting_for_a_place_takes_no_time_of_the_attempts_and_is_no_fault_of_the_model() -> None:
    async def world() -> list[Outcome]:
        limiter = _gate(Sized(1, seconds=2.0))
        settings = ModelSettings(provider="scripted", timeout=5, total_timeout=6)
        deadline = now() + 35
        calls = (call(limiter, PROMPT, settings=settings, deadline=deadline, clock=clock()) for _ in range(20))
        return await asyncio.gather(*calls)

    outcomes = run(world())
    in_time, late, never = outcomes[:17], outcomes[17], outcomes[18:]
    assert all(one.completion for one in in_time)
    assert [one.tries for one in in_time] == [1] * 17
    assert [one.attempts[0].seconds for one in in_time] == pytest.approx([2] * 17)
    assert [one.waited for one in in_time] == pytest.approx([2 * before for before in range(17)])
    assert late.attempts[0].short  # it began a second before its deadline
    assert [(one.error and one.error.code, one.tries) for one in never] == [("timeout", 0)] * 2


def test_batches_share_the_breaker_with_calls_and_go_with_the_first_key_past_the_limits_of_calls() -> None:
    async def world() -> None:
        circuit = Circuit(Breaker(BreakerTuning(quiet=0)), lambda _breaker, _now: None, lambda: None)
        pool = Pool([Named("a"), Named("b")])
        limiter = build_batch_limiter("gpt", pool, circuit, now=now)
        for _ in range(50):
            permit = await limiter.enter(PROMPT, priority=0, deadline=None)
            assert permit.model is pool.models[0]
            permit.leave(answered())
        while circuit.state(time.time()) == "closed":
            (await limiter.enter(PROMPT, priority=0, deadline=None)).leave(failed("unavailable"))
        with pytest.raises(Overloaded):
            await limiter.enter(PROMPT, priority=0, deadline=None)

    run(world())
