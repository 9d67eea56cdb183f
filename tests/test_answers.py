from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.answers import Answers
from tests.delivery.fakes import settle
from topics.base import Failure
from topics.retrieval_requests import RetrievalRequest
from topics.step_requests import StepRequest
from topics.step_results import StepResult

REQUEST = StepRequest(id="t/s/1", task_id="t", step="s", connector="c", arguments={"a": 1})
OTHER = REQUEST.model_copy(update={"arguments": {"a": 2}})


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Maker:
    """Makes a new answer each time, which `holds` back if wanted; the first ones fail as told."""

    def __init__(self, *, size: int = 0, failures: Sequence[bool] = ()) -> None:
        self.made = 0
        self.go = asyncio.Event()
        self.go.set()
        self._size = size
        self._failures = list(failures)

    async def __call__(self) -> StepResult:
        self.made += 1
        number = self.made
        await self.go.wait()
        fails = self._failures.pop(0) if self._failures else False
        error = Failure(code="connector", message="no") if fails else None
        return StepResult(id="x", task_id="x", output=f"{number}{'.' * self._size}", error=error)


async def _outputs(answers: Answers, make: Callable[[], Awaitable[StepResult]], *requests: StepRequest) -> list[str]:
    """Ask one after the other; an answer that was made before has a `*`."""
    given = [await answers.give(request, make, max_age=60.0) for request in requests]
    return [f"{str(one.answer.output).rstrip('.')}{'*' if one.cached else ''}" for one in given]


async def test_that_an_equal_request_is_given_the_answer_again_whoever_asks() -> None:
    answers, make = Answers(100_000), Maker()
    another_runs = REQUEST.model_copy(update={"id": "u/x/1", "task_id": "u", "step": "x", "cache_for": 5.0})
    assert await _outputs(answers, make, REQUEST, another_runs, OTHER, REQUEST) == ["1", "1*", "2", "1*"]


async def test_that_requests_of_two_kinds_are_never_equal() -> None:
    answers = Answers(100_000)
    await answers.give(REQUEST, Maker(), max_age=60.0)
    retrieval = RetrievalRequest(id="t/s/1", task_id="t", step="s", query="c")
    assert not (await answers.give(retrieval, Maker(), max_age=60.0)).cached


async def test_that_without_an_age_nothing_is_given_again_and_nothing_kept() -> None:
    answers, make = Answers(100_000), Maker()
    for _ in range(2):
        assert not (await answers.give(REQUEST, make, max_age=None)).cached
    assert await _outputs(answers, make, REQUEST) == ["3"]


async def test_that_each_request_says_how_old_its_answer_may_be() -> None:
    clock, make = Clock(), Maker()
    answers = Answers(100_000, clock=clock)
    await answers.give(REQUEST, make, max_age=1.0)
    clock.now += 30.0
    assert (await answers.give(REQUEST, make, max_age=30.0)).answer.output == "1"
    assert (await answers.give(REQUEST, make, max_age=29.0)).answer.output == "2"
    assert (await answers.give(REQUEST, make, max_age=0.0)).answer.output == "2"  # which is new


async def test_that_a_failure_is_not_kept() -> None:
    answers, make = Answers(100_000), Maker(failures=[True])
    assert await _outputs(answers, make, REQUEST, REQUEST, REQUEST) == ["1", "2", "2*"]


async def test_that_the_answers_used_last_stay_within_the_bytes() -> None:
    requests = [REQUEST.model_copy(update={"arguments": {"a": number}}) for number in range(4)]
    answers, make = Answers(3 * 2300), Maker(size=1000)
    await _outputs(answers, make, *requests[:3], requests[0], requests[3])  # the second is now the oldest
    assert await _outputs(answers, make, requests[0], requests[2], requests[3], requests[1]) == ["1*", "3*", "4*", "5"]
    assert answers._bytes <= 3 * 2300


@pytest.mark.parametrize("max_bytes", [0, 1500])
async def test_that_an_answer_larger_than_all_the_room_is_not_kept(max_bytes: int) -> None:
    answers, make = Answers(max_bytes), Maker(size=2000)
    assert await _outputs(answers, make, REQUEST, REQUEST) == ["1", "2"]
    assert answers._bytes == 0


async def test_that_equal_requests_at_once_wait_for_one_answer() -> None:
    answers, make = Answers(100_000), Maker()
    make.go.clear()
    tasks = [asyncio.create_task(_outputs(answers, make, request)) for request in (REQUEST, REQUEST, OTHER, REQUEST)]
    await settle()
    make.go.set()
    assert await asyncio.gather(*tasks) == [["1"], ["1*"], ["2"], ["1*"]]
    assert answers._making == {}


async def test_that_a_failure_is_not_shared_and_those_who_waited_go_on_side_by_side() -> None:
    answers, make = Answers(100_000), Maker(failures=[True])
    make.go.clear()
    tasks = [asyncio.create_task(_outputs(answers, make, REQUEST)) for _ in range(3)]
    await settle()
    assert make.made == 1
    make.go.set()
    assert await asyncio.gather(*tasks) == [["1"], ["2"], ["3"]]
    assert await _outputs(answers, make, REQUEST) == ["3*"]


@pytest.mark.parametrize("how", ["raised", "cancelled"])
async def test_that_nobody_waits_for_an_answer_that_will_not_come(how: str) -> None:
    answers, go = Answers(100_000), asyncio.Event()

    async def breaks() -> StepResult:
        await go.wait()
        raise ValueError("broken")

    first = asyncio.create_task(answers.give(REQUEST, breaks, max_age=60.0))
    await settle()
    second = asyncio.create_task(_outputs(answers, Maker(), REQUEST))
    await settle()
    assert not second.done()
    if how == "cancelled":
        first.cancel()
    go.set()
    assert await second == ["1"]
    with pytest.raises((ValueError, asyncio.CancelledError)):
        await first


async def test_that_who_gives_up_waiting_does_not_disturb_the_others() -> None:
    answers, make = Answers(100_000), Maker()
    make.go.clear()
    first, second, third = (asyncio.create_task(_outputs(answers, make, REQUEST)) for _ in range(3))
    await settle()
    second.cancel()
    await settle()
    make.go.set()
    assert [await first, await third] == [["1"], ["1*"]]


async def test_that_patience_ends() -> None:
    answers, slow = Answers(100_000), Maker()
    slow.go.clear()
    first = asyncio.create_task(_outputs(answers, slow, REQUEST))
    await settle()
    given = await answers.give(REQUEST, Maker(), max_age=60.0, patience=0.01)
    assert (given.answer.output, given.cached) == ("1", False)
    slow.go.set()
    assert await first == ["1"]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3000)), max_size=40), st.integers(0, 10_000))
def test_that_the_bytes_are_never_exceeded_and_an_answer_is_never_anothers(
    asked: list[tuple[int, int]], max_bytes: int
) -> None:
    async def scenario() -> None:
        answers = Answers(max_bytes)
        for number, size in asked:
            request = REQUEST.model_copy(update={"arguments": {"a": number}})

            async def make(text: str = f"{number}{'.' * size}") -> StepResult:
                return StepResult(id="x", task_id="x", output=text)

            given = await answers.give(request, make, max_age=60.0)
            assert str(given.answer.output).rstrip(".") == str(number)
            assert answers._bytes == sum(entry.size for entry in answers._entries.values()) <= max_bytes

    asyncio.run(scenario())
