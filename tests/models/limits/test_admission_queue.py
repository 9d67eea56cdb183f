from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import ModelError, Overloaded, RateLimited
from app.models.base import Prompt
from app.models.limits.admission_queue import AdmissionQueue
from app.models.limits.api_keys import KeyRotation
from app.models.limits.base import Admission, Guard, QueuedAhead
from app.models.limits.concurrency import AdaptiveConcurrency
from app.models.limits.limiter import Permit
from app.models.limits.rate_limit import RateLimit
from app.models.outcome import Attempt
from app.settings import LimitSettings
from tests.models.limits.samples import PROMPT, Named, answered, failed
from tests.models.virtual_time import now, run
from topics.model_requests import Message, Sampling


class Door:
    """A guard that is opened and broken by hand."""

    def __init__(self) -> None:
        self.opens_at = 0.0
        self.error: ModelError | None = None
        self.taken: list[int] = []
        self.left: list[Attempt | None] = []

    def wait(self, now: float, tokens: int, ahead: QueuedAhead) -> float:  # noqa: ARG002  # the port's signature
        if self.error:
            raise self.error
        return max(0.0, self.opens_at - now)

    def take(self, admission: Admission, now: float) -> None:  # noqa: ARG002  # likewise
        self.taken.append(admission.tokens)

    def leave(self, admission: Admission, attempt: Attempt | None, now: float) -> None:  # noqa: ARG002  # likewise
        self.left.append(attempt)


def _gate(*guards: Guard) -> AdmissionQueue:
    return AdmissionQueue([Named(), Named()], guards, now=now)


async def _enter(limiter: AdmissionQueue, priority: int = 0, within: float | None = None) -> Permit:
    return await limiter.enter(PROMPT, priority=priority, deadline=None if within is None else now() + within)


def virtual(test: Callable[[], Coroutine[None, None, None]]) -> Callable[[], None]:
    def wrapped() -> None:
        run(test())

    wrapped.__name__ = test.__name__
    return wrapped


@virtual
async def test_an_attempt_passes_when_all_guards_let_it() -> None:
    first, second = Door(), Door()
    first.opens_at, second.opens_at = now() + 3, now() + 7
    started, limiter = now(), _gate(first, second)
    permit = await _enter(limiter)
    assert now() - started == pytest.approx(7)
    permit.leave(attempt := answered())
    assert (len(first.taken), first.left, second.left) == (1, [attempt], [attempt])


@virtual
async def test_a_wait_that_cannot_end_in_time_is_refused_at_once() -> None:
    door = Door()
    door.opens_at, started = now() + 10, now()
    with pytest.raises(RateLimited) as refused:
        await _enter(_gate(door), within=9)
    assert (refused.value.retry_after, now()) == (10, started)
    await _enter(_gate(door), within=11)


@virtual
async def test_those_ahead_are_reckoned_with() -> None:
    limiter = _gate(RateLimit(LimitSettings(requests_per_minute=60)))
    async with asyncio.TaskGroup() as group:
        for _ in range(25):  # five pass at once, the others one in 1.1 seconds
            group.create_task(_enter(limiter))
        await asyncio.sleep(0)
        with pytest.raises(RateLimited):
            await _enter(limiter, within=20)
        urgent = group.create_task(_enter(limiter, priority=1, within=3))
    assert urgent.result()


@virtual
async def test_the_urgent_go_first_and_else_those_who_came_first() -> None:
    limiter, order = _gate(AdaptiveConcurrency(1)), list[str]()

    async def go(name: str, priority: int) -> None:
        permit = await _enter(limiter, priority)
        order.append(name)
        await asyncio.sleep(1)
        permit.leave(None)

    async with asyncio.TaskGroup() as group:
        for name, priority in (("holder", 0), ("a", 0), ("b", 0), ("urgent", 5), ("idle", -5), ("c", 0)):
            group.create_task(go(name, priority))
    assert order == ["holder", "urgent", "a", "b", "c", "idle"]


@virtual
async def test_a_small_one_does_not_overtake_a_large_one() -> None:
    limiter, order = _gate(RateLimit(LimitSettings(tokens_per_minute=12_000))), list[str]()

    async def go(name: str, tokens: int) -> None:
        await limiter.enter(
            Prompt((Message(role="user", content=""),), Sampling(max_tokens=tokens)), priority=0, deadline=None
        )
        order.append(name)

    async with asyncio.TaskGroup() as group:
        for name, tokens in (("first", 900), ("large", 900), ("small", 50)):
            group.create_task(go(name, tokens))
    assert order == ["first", "large", "small"]


@virtual
async def test_a_provider_that_says_wait_closes_the_gate_for_all() -> None:
    limiter = _gate(AdaptiveConcurrency(10), KeyRotation("gpt"))
    started = now()
    (await _enter(limiter)).leave(failed("rate_limited", retry_after=30))
    await asyncio.gather(*(_enter(limiter) for _ in range(10)))
    assert now() - started == pytest.approx(30)


@virtual
async def test_who_cannot_wait_for_so_long_is_told_when_the_gate_is_closed() -> None:
    limiter = _gate(AdaptiveConcurrency(1), KeyRotation("gpt"))
    held, started = await _enter(limiter), now()
    hasty, patient = asyncio.create_task(_enter(limiter, within=20)), asyncio.create_task(_enter(limiter, within=50))
    await asyncio.sleep(1)
    held.leave(failed("rate_limited", retry_after=30))
    with pytest.raises(RateLimited):
        await hasty
    assert now() == started + 1
    await patient
    assert now() == pytest.approx(started + 31)


@virtual
async def test_when_a_guard_refuses_all_who_wait_are_refused() -> None:
    door = Door()
    limiter = _gate(AdaptiveConcurrency(1), door)
    held = await _enter(limiter)
    waiting = [asyncio.create_task(_enter(limiter)) for _ in range(3)]
    await asyncio.sleep(1)
    door.error = Overloaded("broken", retry_after=5.0)
    held.leave(answered())
    refused = await asyncio.gather(*waiting, return_exceptions=True)
    assert [(type(error), str(error)) for error in refused] == [(Overloaded, "broken")] * 3
    assert len({id(error) for error in refused}) == 3
    assert limiter.waiting == 0


@virtual
async def test_one_who_gives_up_makes_way() -> None:
    limiter = _gate(AdaptiveConcurrency(1))
    held = await _enter(limiter)
    impatient, next_one = asyncio.create_task(_enter(limiter)), asyncio.create_task(_enter(limiter))
    await asyncio.sleep(1)
    impatient.cancel()
    held.leave(None)
    (await next_one).leave(None)
    assert limiter.waiting == 0
    await _enter(limiter)


@virtual
async def test_one_who_gives_up_in_the_very_moment_of_its_turn_gives_it_back() -> None:
    limiter = _gate(AdaptiveConcurrency(1))
    held = await _enter(limiter)
    late = asyncio.create_task(_enter(limiter))
    await asyncio.sleep(1)
    held.leave(None)
    late.cancel()
    await asyncio.wait({late})
    assert late.cancelled()
    await asyncio.wait_for(_enter(limiter), 1)


@virtual
async def test_those_who_gave_up_are_not_kept() -> None:
    limiter = _gate(AdaptiveConcurrency(1))
    await _enter(limiter)
    for _ in range(2000):
        waiting = asyncio.create_task(_enter(limiter))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait({waiting})
    assert len(limiter._waiters) < 100


LIVES = st.lists(
    st.tuples(
        st.floats(0, 5),  # when it comes after the one before
        st.integers(-1, 1),  # its priority
        st.floats(0, 8),  # how long it takes
        st.sampled_from(["ok", "rate_limited", "overloaded", "none"]),
        st.none() | st.floats(0, 20),  # how long it waits at most
        st.none() | st.floats(0, 20),  # when its caller goes away
    ),
    max_size=30,
)


@settings(deadline=None)
@given(lives=LIVES, at_once=st.integers(1, 3), limit=st.integers(10, 120))
def test_whatever_happens_no_place_is_lost_and_no_bound_is_passed(
    lives: list[tuple[float, int, float, str, float | None, float | None]], at_once: int, limit: int
) -> None:
    async def world() -> None:
        bulkhead = AdaptiveConcurrency(at_once)
        limiter = _gate(RateLimit(LimitSettings(requests_per_minute=limit)), bulkhead, KeyRotation("gpt", 2))
        busy = 0

        async def live(priority: int, takes: float, end: str, within: float | None) -> None:
            nonlocal busy
            came = now()
            try:
                permit = await _enter(limiter, priority, within)
            except RateLimited:
                assert within is not None
                return
            busy += 1
            assert busy <= at_once
            attempt = {"ok": answered(), "none": None}.get(end) if end in {"ok", "none"} else failed(end)
            try:
                assert within is None or now() <= came + within + 200  # an endless wait is the caller's to end
                await asyncio.sleep(takes)
            finally:
                busy -= 1
                permit.leave(attempt)

        tasks = []
        for after, priority, takes, end, within, leaves in lives:
            await asyncio.sleep(after)
            tasks.append(task := asyncio.create_task(live(priority, takes, end, within)))
            if leaves is not None:
                asyncio.get_running_loop().call_later(leaves, task.cancel)
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(one is None or isinstance(one, asyncio.CancelledError) for one in ended)
        assert (busy, limiter.waiting, bulkhead._in_flight) == (0, 0, 0)
        (await _enter(limiter)).leave(None)

    run(world())


def test_a_prompt_is_weighed_with_what_the_settings_bound_it_to() -> None:
    async def world() -> None:
        door = Door()
        limiter = AdmissionQueue([Named()], [door], max_tokens=7, now=now)
        await _enter(limiter)
        assert door.taken == [1 + 7]
        assert door.wait(math.inf, 0, QueuedAhead()) == 0

    run(world())


@virtual
async def test_those_who_pass_in_this_moment_are_not_reckoned_with_any_more() -> None:
    door = Door()
    door.opens_at = now() + 5
    limiter = _gate(door)
    waiting = [asyncio.create_task(_enter(limiter)) for _ in range(3)]
    await asyncio.sleep(1)
    assert limiter.waiting == 3
    door.opens_at = now()
    limiter.leave(Admission(1), None)
    assert limiter.waiting == 0  # though they have not woken up yet
    await asyncio.gather(*waiting)
    assert limiter.waiting == 0
