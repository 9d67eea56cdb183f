from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import errors
from app.models.base import Completion, Delta, Prompt
from app.models.calling.call import call
from app.models.calling.hedging import HedgePolicy, race
from app.models.outcome import Attempt, Outcome
from app.settings import HedgeSettings
from tests.models.calling.streams import PROMPT, Player, Reader, clock, limiter, settings
from tests.models.virtual_time import now, run
from tests.routing.asks import near


def _hedges(after: float | str = 2.0, at_most: float = 1.0) -> HedgePolicy:
    return HedgePolicy(HedgeSettings.model_validate({"after": after, "at_most": at_most}))


def _ask(
    model: Player,
    reader: Reader | None = None,
    *,
    hedges: HedgePolicy | None = None,
    at_once: int = 10,
    **fields: object,
) -> Outcome:
    async def scenario() -> Outcome:
        before = asyncio.all_tasks()
        outcome = await call(
            limiter(model, at_once),
            PROMPT,
            settings=settings(**fields),
            sink=reader.take if reader else None,
            hedges=hedges or _hedges(),
            clock=clock(),
        )
        assert asyncio.all_tasks() == before
        return outcome

    return run(scenario())


def test_without_a_percentile_no_call_is_made_twice() -> None:
    assert _hedges("p95").begin(streamed=False) is None


def test_after_the_percentile_of_the_same_kind_of_call_it_is() -> None:
    hedges = _hedges("p95")
    for number in range(100):
        hedges.observe(number / 10, streamed=False)
    assert hedges.begin(streamed=False) == pytest.approx(9.1, abs=0.5)
    assert hedges.begin(streamed=True) is None


@given(at_most=st.floats(0.01, 1.0), calls=st.integers(0, 300))
def test_no_larger_share_is_made_twice_than_is_allowed(at_most: float, calls: int) -> None:
    hedges, made = _hedges(1.0, at_most), 0
    for number in range(calls):
        if hedges.begin(streamed=False) is not None:
            hedges.spend()
            made += 1
        assert made <= at_most * (number + 1) + 1e-6


def test_a_quick_answer_is_asked_for_once() -> None:
    model = Player([1.0, "Hi."], whole=True)
    outcome = _ask(model)
    assert (len(model.prompts), outcome.tries, outcome.seconds) == (1, 1, near(1))


def test_the_faster_of_two_counts_and_the_other_is_lost() -> None:
    model = Player([60.0, "slow"], [1.0, "fast"], whole=True)
    outcome = _ask(model, timeout=50)
    assert outcome.completion
    assert (outcome.completion.text, outcome.seconds) == ("fast", near(3))
    first, second = outcome.attempts
    assert (first.lost, first.number, first.seconds) == (True, 1, near(3))
    assert (second.lost, second.number, second.seconds) == (False, 2, near(1))
    assert model.ended == 2  # the loser was stopped


def test_the_first_may_still_win() -> None:
    outcome = _ask(Player([3.0, "first"], [60.0, "second"], whole=True))
    assert outcome.completion
    assert outcome.completion.text == "first"
    assert [attempt.lost for attempt in outcome.attempts] == [False, True]


def test_of_streams_the_first_that_begins_counts_and_only_it_is_heard() -> None:
    reader = Reader()
    outcome = _ask(Player([4.0, "slow ", "one"], [1.0, "fast ", 9.0, "one"]), reader)
    assert outcome.completion
    assert outcome.completion.text == reader.text == "fast one"
    assert reader.attempts == {2}
    assert [attempt.lost for attempt in outcome.attempts] == [True, False]


def test_a_stream_that_has_begun_is_not_made_twice() -> None:
    model, reader = Player([1.0, "a ", 5.0, "b"]), Reader()
    assert _ask(model, reader).tries == 1
    assert reader.text == "a b"


def test_one_that_fails_leaves_the_field_to_the_other() -> None:
    model = Player([3.0, errors.Unavailable("gone")], [5.0, "second"], whole=True)
    outcome = _ask(model, attempts=1)
    assert outcome.completion
    assert (outcome.completion.text, [attempt.lost for attempt in outcome.attempts]) == ("second", [False, False])


def test_two_that_fail_count_as_one_and_are_tried_again() -> None:
    model = Player([3.0, errors.Unavailable("gone")], [3.0, errors.Overloaded("busy")], [0.5, "third"], whole=True)
    outcome = _ask(model, attempts=2)
    assert outcome.completion
    assert (outcome.completion.text, outcome.tries) == ("third", 3)


def test_a_second_attempt_does_not_wait_for_a_place() -> None:
    model = Player([5.0, "first"], whole=True)
    assert _ask(model, at_once=1).tries == 1


def test_a_caller_who_goes_away_stops_both() -> None:
    model = Player([60.0, "slow"], whole=True)

    async def scenario() -> float:
        asked = asyncio.create_task(call(limiter(model), PROMPT, settings=settings(), hedges=_hedges(), clock=clock()))
        await asyncio.sleep(5)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        await asyncio.sleep(0)
        return now()

    run(scenario())
    assert (len(model.prompts), model.ended) == (2, 2)


@given(
    first=st.floats(0.1, 9).filter(lambda seconds: abs(seconds - 2) > 0.01),  # else it is a matter of luck
    second=st.floats(0.1, 9),
    fails=st.sampled_from([(False, False), (True, False), (False, True), (True, True)]),
    streamed=st.booleans(),
)
def test_however_the_two_go_there_is_an_answer_if_one_has_it(
    first: float, second: float, fails: tuple[bool, bool], *, streamed: bool
) -> None:
    scripts = [
        [takes, errors.Unavailable("gone") if fail else name]
        for takes, fail, name in ((first, fails[0], "first"), (second, fails[1], "second"))
    ]
    reader = Reader() if streamed else None
    outcome = _ask(Player(*scripts, whole=not streamed), reader, attempts=1)
    raced = first > 2
    assert outcome.tries <= 1 + raced
    assert (outcome.completion is None) == (all(fails) if raced else fails[0])
    assert sum(attempt.lost for attempt in outcome.attempts) <= 1
    if reader and outcome.completion:
        assert reader.text == outcome.completion.text


def test_calls_that_were_begun_together_share_what_was_saved_up() -> None:
    hedges, model = _hedges(2.0, 0.1), Player([5.0, "slow"], whole=True)

    async def scenario() -> None:
        for _ in range(10):
            hedges.begin(streamed=False)
        asked = (
            call(limiter(model, 100), PROMPT, settings=settings(), hedges=hedges, clock=clock()) for _ in range(20)
        )
        await asyncio.gather(*asked)

    run(scenario())
    assert 20 < len(model.prompts) <= 23


def test_one_that_is_refused_at_once_does_not_tell_how_long_answers_take() -> None:
    hedges = _hedges("p95")
    for _ in range(10):
        _ask(Player([errors.Overloaded("busy")], [errors.Overloaded("busy")], [9.0, "late"], whole=True), hedges=hedges)
    assert hedges.begin(streamed=False) is None
    for _ in range(20):
        _ask(Player([9.0, "late"], whole=True), hedges=hedges)
    assert hedges.begin(streamed=False) == near(9)


class _Slow(Player):
    """Takes its time to stop, which may be for ever."""

    def __init__(self, *scripts: list[float | str], takes: float) -> None:
        super().__init__(*scripts, whole=True)
        self._takes = takes

    async def complete(self, prompt: Prompt, *, timeout: float) -> Completion:
        try:
            return await super().complete(prompt, timeout=timeout)
        except asyncio.CancelledError:
            await asyncio.sleep(self._takes)
            raise


def test_the_answer_does_not_wait_for_a_loser_that_does_not_let_itself_be_stopped() -> None:
    async def scenario() -> float:
        model = _Slow([60.0, "slow"], [1.0, "fast"], takes=1000.0)
        outcome = await call(limiter(model), PROMPT, settings=settings(), hedges=_hedges(), clock=clock())
        assert [attempt.lost for attempt in outcome.attempts] == [True, False]
        return outcome.seconds

    assert run(scenario()) == near(4)


def test_a_caller_who_goes_away_has_both_ended_before() -> None:
    left: list[bool] = []

    class Watched(Player):
        async def stream(self, prompt: Prompt, *, timeout: float) -> AsyncGenerator[Delta | Completion]:
            try:
                async for piece in super().stream(prompt, timeout=timeout):
                    yield piece
            finally:
                await asyncio.sleep(0.1)  # as a connection is closed
                left.append(True)

    async def scenario() -> None:
        model = Watched([60.0, "slow"])
        work = call(limiter(model), PROMPT, settings=settings(), sink=Reader().take, hedges=_hedges(), clock=clock())
        asked = asyncio.create_task(work)
        await asyncio.sleep(5)
        asked.cancel()
        await asyncio.wait({asked})
        assert len(left) == 2

    run(scenario())


class _Runner:
    """An attempt that gives a output when it is told to, and answers when `go` is set."""

    def __init__(self, number: int, go: asyncio.Event) -> None:
        self.output: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._number = number
        self._go = go

    async def run(self) -> Attempt:
        await self._go.wait()
        return Attempt(self._number, 1.0, completion=Completion(str(self._number)))

    def lost(self) -> Attempt:
        return Attempt(self._number, 1.0, lost=True)


def test_of_two_that_begin_in_the_same_moment_the_one_goes_on_that_was_heard() -> None:
    async def scenario() -> list[bool]:
        go = asyncio.Event()
        first, second = _Runner(1, go), _Runner(2, go)

        async def other() -> _Runner:
            return second

        racing = asyncio.create_task(race(first, other, after=1.0))
        await asyncio.sleep(2)
        second.output.set_result(None)
        first.output.set_result(None)
        await asyncio.sleep(1)
        go.set()
        return [attempt.lost for attempt in await racing]

    assert run(scenario()) == [True, False]
