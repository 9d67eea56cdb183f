from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import errors
from app.models.base import Completion, Features, Prompt
from app.models.calling.call import Clock, call
from app.models.outcome import Outcome
from app.settings import ModelSettings
from testkit.bounded_limiter import BoundedLimiter
from topics.model_requests import Message

PROMPT = Prompt((Message(role="user", content="Hello?"),))
ANSWER = Completion("Hi.")


@dataclass
class Time:
    """A clock that only sleeping and working moves."""

    now: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@dataclass
class Attempt:
    """What one attempt does: take `seconds`, then answer, or raise."""

    seconds: float = 0.0
    error: Exception | None = None


@dataclass
class Fake:
    """Goes through its attempts, the last one again and again, and keeps to the time it is given."""

    attempts: Sequence[Attempt]
    time: Time
    provider: str = "fake"
    features: Features = frozenset()
    timeouts: list[float] = field(default_factory=list)

    async def complete(self, _: Prompt, *, timeout: float) -> Completion:
        attempt = self.attempts[min(len(self.timeouts), len(self.attempts) - 1)]
        self.timeouts.append(timeout)
        self.time.now += min(attempt.seconds, timeout)
        if attempt.seconds > timeout:
            raise errors.ModelTimeout("too slow", provider=self.provider)
        if attempt.error:
            raise attempt.error
        return ANSWER

    async def close(self) -> None: ...


class Real:
    """Runs whatever is given on the real clock."""

    provider = "real"
    features: Features = frozenset()

    def __init__(self, work: Callable[[], Awaitable[Completion]]) -> None:
        self._work = work

    async def complete(self, _: Prompt, *, timeout: float) -> Completion:  # noqa: ARG002  # it ignores its time
        return await self._work()

    async def close(self) -> None: ...


def real(work: Callable[[], Awaitable[Completion]]) -> BoundedLimiter:
    return BoundedLimiter(Real(work), 1)


def settings(**fields: object) -> ModelSettings:
    return ModelSettings.model_validate({"provider": "scripted", **fields})


async def run(model: Fake, deadline: float | None = None, **fields: object) -> Outcome:
    return await call(
        BoundedLimiter(model, 1), PROMPT, settings=settings(**fields), deadline=deadline, clock=clock(model.time)
    )


def clock(time: Time, seed: int = 1) -> Clock:
    return Clock(time, time.sleep, random.Random(seed))  # noqa: S311  # repeatable on purpose


async def test_an_answer_is_reported_with_its_time() -> None:
    outcome = await run(Fake([Attempt(2.5)], Time()))

    assert (outcome.completion, outcome.error, outcome.tries, outcome.seconds) == (ANSWER, None, 1, 2.5)


async def test_a_transient_error_is_tried_again() -> None:
    model = Fake([Attempt(1, errors.Overloaded("busy")), Attempt(1)], Time())

    outcome = await run(model)

    assert (outcome.completion, outcome.error, outcome.tries) == (ANSWER, None, 2)
    assert outcome.seconds == pytest.approx(2 + sum(model.time.slept))


@pytest.mark.parametrize("kind", [errors.Unauthorized, errors.InvalidRequest, errors.ContentFiltered])
async def test_what_a_retry_cannot_fix_is_not_tried_again(kind: type[errors.ModelError]) -> None:
    outcome = await run(Fake([Attempt(0, kind("no")), Attempt()], Time()))

    assert (type(outcome.error), outcome.tries) == (kind, 1)


async def test_the_last_error_is_reported_after_the_last_attempt() -> None:
    attempts = [Attempt(0, errors.Unavailable("first")), Attempt(0, errors.RateLimited("last"))]

    outcome = await run(Fake(attempts, Time()), attempts=2)

    assert (str(outcome.error), outcome.tries, outcome.completion) == ("last", 2, None)


async def test_retry_after_is_waited_for() -> None:
    model = Fake([Attempt(0, errors.RateLimited("slow down", retry_after=30)), Attempt()], Time())

    assert (await run(model)).completion == ANSWER
    assert model.time.slept[0] >= 30


@pytest.mark.parametrize(("total", "deadline"), [(20.0, None), (180.0, 1020.0)])
async def test_a_wait_past_the_end_is_not_begun(total: float, deadline: float | None) -> None:
    model = Fake([Attempt(1, errors.RateLimited("slow down", retry_after=30)), Attempt()], Time())

    outcome = await run(model, deadline, total_timeout=total)

    assert (type(outcome.error), outcome.tries, outcome.seconds) == (errors.RateLimited, 1, 1)
    assert model.time.slept == []


async def test_a_deadline_that_has_passed_begins_nothing() -> None:
    model = Fake([Attempt()], Time())

    outcome = await run(model, deadline=999.0)

    assert (type(outcome.error), outcome.tries, outcome.seconds) == (errors.ModelTimeout, 0, 0)
    assert model.timeouts == []


ERRORS = st.sampled_from(
    [
        None,
        errors.RateLimited("slow down", retry_after=3),
        errors.RateLimited("slow down"),
        errors.Overloaded("busy", retry_after=0.5),
        errors.Unavailable("gone"),
        errors.ModelTimeout("too slow"),
        errors.InvalidRequest("wrong"),
        ValueError("a fault"),
    ]
)
ATTEMPTS = st.lists(st.builds(Attempt, st.floats(0, 50), ERRORS), min_size=1, max_size=8)


@given(
    attempts=ATTEMPTS,
    allowed=st.integers(1, 8),
    each=st.floats(0.1, 60),
    total=st.floats(0.1, 200),
    left=st.none() | st.floats(-5, 200),
    seed=st.integers(0, 1000),
)
def test_whatever_a_model_does_the_call_keeps_its_promises(  # one for each dimension
    attempts: list[Attempt], allowed: int, each: float, total: float, left: float | None, seed: int
) -> None:
    time = Time()
    model = Fake(attempts, time)
    chosen = settings(attempts=allowed, timeout=each, total_timeout=total)
    deadline = None if left is None else time.now + left

    logging.disable()
    try:
        outcome = asyncio.run(
            call(BoundedLimiter(model, 1), PROMPT, settings=chosen, deadline=deadline, clock=clock(time, seed))
        )
    finally:
        logging.disable(logging.NOTSET)

    bound = min(total, max(0, total if left is None else left))
    assert (outcome.completion is None) != (outcome.error is None)
    assert outcome.tries == len(model.timeouts) <= allowed
    assert outcome.seconds == pytest.approx(time.now - 1000)
    assert outcome.seconds <= bound + 1e-6
    assert all(timeout <= each for timeout in model.timeouts)
    assert len(time.slept) == max(0, outcome.tries - 1)
    tried = [attempts[min(n, len(attempts) - 1)] for n in range(outcome.tries)]
    for attempt, timeout, slept in zip(tried, model.timeouts, time.slept, strict=False):
        error = errors.ModelTimeout("") if attempt.seconds > timeout else attempt.error
        assert isinstance(error, errors.ModelError)
        assert error.transient
        assert slept >= (error.retry_after or 0)


async def test_a_model_that_ignores_its_time_is_stopped() -> None:
    async def forever() -> Completion:
        await asyncio.Event().wait()
        return ANSWER

    outcome = await call(real(forever), PROMPT, settings=settings(timeout=0.01, attempts=1))

    assert (type(outcome.error), outcome.tries) == (errors.ModelTimeout, 1)


async def test_a_fault_of_a_component_is_an_internal_error_that_tells_no_secret(
    caplog: pytest.LogCaptureFixture,
) -> None:
    secret = "sk-planted-secret"

    async def broken() -> Completion:
        raise KeyError(secret)

    outcome = await call(real(broken), PROMPT, settings=settings())

    assert outcome.error is not None
    assert (outcome.error.code, outcome.tries) == ("internal", 1)
    assert "KeyError" in str(outcome.error)
    assert "in broken" in caplog.text
    assert secret not in str(outcome.error)
    assert secret not in caplog.text


async def test_what_we_raise_on_purpose_keeps_its_sentence() -> None:
    async def missing() -> Completion:
        raise errors.MissingDependency("pip install it")

    outcome = await call(real(missing), PROMPT, settings=settings())

    assert str(outcome.error) == "the real component failed with MissingDependency: pip install it"


async def test_cancellation_passes_through() -> None:
    begun = asyncio.Event()

    async def wait() -> Completion:
        begun.set()
        await asyncio.Event().wait()
        return ANSWER

    task = asyncio.create_task(call(real(wait), PROMPT, settings=settings()))
    await begun.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
