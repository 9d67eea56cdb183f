from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import numpy as np
import pytest

from app.caching.base import CacheEntry
from app.caching.memory import MemoryCache
from app.caching.response_cache import Found, ResponseCache
from app.caching.semantic_index import SemanticKey
from tests.delivery.fakes import settle
from topics.base import Failure
from topics.model_requests import Message, ModelRequest
from topics.model_responses import ModelResponse
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


async def _outputs(
    answers: ResponseCache, make: Callable[[], Awaitable[StepResult]], *requests: StepRequest
) -> list[str]:
    """Ask one after the other; an answer that was made before has a `*`."""
    given = [await answers.get_or_call(request, make, StepResult, max_age=60.0) for request in requests]
    return [f"{str(one.answer.output).rstrip('.')}{'*' if one.cached else ''}" for one in given]


async def test_that_an_equal_request_gets_the_cached_answer_whoever_asks() -> None:
    answers, make = ResponseCache(MemoryCache(100_000)), Maker()
    another_runs = REQUEST.model_copy(update={"id": "u/x/1", "task_id": "u", "step": "x", "cache_for": 5.0})
    assert await _outputs(answers, make, REQUEST, another_runs, OTHER, REQUEST) == ["1", "1*", "2", "1*"]


async def test_that_requests_of_two_kinds_are_never_equal() -> None:
    answers = ResponseCache(MemoryCache(100_000))
    await answers.get_or_call(REQUEST, Maker(), StepResult, max_age=60.0)
    retrieval = RetrievalRequest(id="t/s/1", task_id="t", step="s", query="c")
    assert not (await answers.get_or_call(retrieval, Maker(), StepResult, max_age=60.0)).cached


async def test_that_without_an_age_nothing_is_read_from_the_cache_or_written_to_it() -> None:
    answers, make = ResponseCache(MemoryCache(100_000)), Maker()
    for _ in range(2):
        assert not (await answers.get_or_call(REQUEST, make, StepResult, max_age=None)).cached
    assert await _outputs(answers, make, REQUEST) == ["3"]


async def test_that_each_request_says_how_old_its_answer_may_be() -> None:
    clock, make = Clock(), Maker()
    answers = ResponseCache(MemoryCache(100_000), clock=clock)
    await answers.get_or_call(REQUEST, make, StepResult, max_age=1.0)
    clock.now += 30.0
    assert (await answers.get_or_call(REQUEST, make, StepResult, max_age=30.0)).answer.output == "1"
    assert (await answers.get_or_call(REQUEST, make, StepResult, max_age=29.0)).answer.output == "2"
    assert (await answers.get_or_call(REQUEST, make, StepResult, max_age=0.0)).answer.output == "2"  # which is new


async def test_that_a_failure_is_not_kept() -> None:
    answers, make = ResponseCache(MemoryCache(100_000)), Maker(failures=[True])
    assert await _outputs(answers, make, REQUEST, REQUEST, REQUEST) == ["1", "2", "2*"]


async def test_that_equal_requests_at_once_wait_for_one_answer() -> None:
    answers, make = ResponseCache(MemoryCache(100_000)), Maker()
    make.go.clear()
    tasks = [asyncio.create_task(_outputs(answers, make, request)) for request in (REQUEST, REQUEST, OTHER, REQUEST)]
    await settle()
    make.go.set()
    assert await asyncio.gather(*tasks) == [["1"], ["1*"], ["2"], ["1*"]]
    assert answers._making == {}


async def test_that_a_failure_is_not_shared_and_those_who_waited_go_on_side_by_side() -> None:
    answers, make = ResponseCache(MemoryCache(100_000)), Maker(failures=[True])
    make.go.clear()
    tasks = [asyncio.create_task(_outputs(answers, make, REQUEST)) for _ in range(3)]
    await settle()
    assert make.made == 1
    failing, make.go = make.go, asyncio.Event()
    failing.set()
    await settle()
    assert make.made == 3
    make.go.set()
    assert await asyncio.gather(*tasks) == [["1"], ["2"], ["3"]]
    assert await _outputs(answers, make, REQUEST) == ["3*"]


@pytest.mark.parametrize("how", ["raised", "cancelled"])
async def test_that_nobody_waits_for_an_answer_that_will_not_come(how: str) -> None:
    answers, go = ResponseCache(MemoryCache(100_000)), asyncio.Event()

    async def breaks() -> StepResult:
        await go.wait()
        raise ValueError("broken")

    first = asyncio.create_task(answers.get_or_call(REQUEST, breaks, StepResult, max_age=60.0))
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
    answers, make = ResponseCache(MemoryCache(100_000)), Maker()
    make.go.clear()
    first, second, third = (asyncio.create_task(_outputs(answers, make, REQUEST)) for _ in range(3))
    await settle()
    second.cancel()
    await settle()
    make.go.set()
    assert [await first, await third] == [["1"], ["1*"]]


async def test_that_patience_ends() -> None:
    answers, slow = ResponseCache(MemoryCache(100_000)), Maker()
    slow.go.clear()
    first = asyncio.create_task(_outputs(answers, slow, REQUEST))
    await settle()
    given = await answers.get_or_call(REQUEST, Maker(), StepResult, max_age=60.0, patience=0.01)
    assert (given.answer.output, given.cached) == ("1", False)
    slow.go.set()
    assert await first == ["1"]


def near(x: float, y: float, *, group: bytes = b"g", similar: float = 0.9) -> SemanticKey:
    vector = np.array([x, y], dtype=np.float32)
    return SemanticKey(group, vector / np.linalg.norm(vector), similar)


@pytest.mark.parametrize(
    ("second", "found"),
    [
        (near(1.0, 0.1), "similar"),
        (near(1.0, 0.6), "new"),
        (near(1.0, 0.1, similar=0.999), "new"),
        (near(1.0, 0.0, group=b"h"), "new"),
        (None, "new"),
    ],
)
async def test_that_another_question_of_the_same_meaning_is_given_the_answer(
    second: SemanticKey | None, found: Found
) -> None:
    answers, make = ResponseCache(MemoryCache(100_000)), Maker()
    await answers.get_or_call(REQUEST, make, StepResult, max_age=60.0, near=near(1.0, 0.0))
    given = await answers.get_or_call(OTHER, make, StepResult, max_age=60.0, near=second)
    assert given.found == found
    assert given.answer.output == ("1" if found == "similar" else "2")


async def test_that_an_equal_question_comes_before_a_similar_one_and_an_old_answer_before_none() -> None:
    clock, make = Clock(), Maker()
    answers = ResponseCache(MemoryCache(100_000), clock=clock)
    await answers.get_or_call(REQUEST, make, StepResult, max_age=60.0, near=near(1.0, 0.0))
    await answers.get_or_call(OTHER, make, StepResult, max_age=60.0, near=near(0.0, 1.0))
    again = await answers.get_or_call(OTHER, make, StepResult, max_age=60.0, near=near(1.0, 0.0))
    assert (again.found, again.answer.output) == ("equal", "2")
    clock.now += 61.0
    late = await answers.get_or_call(
        OTHER.model_copy(update={"connector": "d"}), make, StepResult, max_age=60.0, near=near(1.0, 0.0)
    )
    assert (late.found, late.answer.output) == ("new", "3")


async def test_that_tenants_share_nothing() -> None:
    answers = ResponseCache(MemoryCache(100_000))
    asked = ModelRequest(
        id="t/s/m/1", task_id="t", step="s", branch="m", model="m", messages=(Message(role="user", content="?"),)
    )
    made = []

    async def make() -> ModelResponse:
        made.append(1)
        return ModelResponse(id="x", task_id="x", step="s", branch="m", model="m", text="!")

    for tenant in ("", "acme", "zenith", "acme"):
        request = asked.model_copy(update={"tenant": tenant})
        await answers.get_or_call(request, make, ModelResponse, max_age=60.0)
    assert len(made) == 3


async def test_that_what_a_cache_holds_that_is_not_an_answer_is_made_again() -> None:
    cache, make = MemoryCache(100_000), Maker()
    answers = ResponseCache(cache)
    await answers.get_or_call(REQUEST, make, StepResult, max_age=60.0)
    (key,) = cache._entries
    await cache.put(key, CacheEntry(b"{", 1e12), 60.0)
    assert (await answers.get_or_call(REQUEST, make, StepResult, max_age=60.0)).answer.output == "2"


class HeldCache(MemoryCache):
    """Answers when `go` is set."""

    def __init__(self) -> None:
        super().__init__(100_000)
        self.go = asyncio.Event()
        self.go.set()

    async def get(self, key: bytes) -> CacheEntry | None:
        await self.go.wait()
        return await super().get(key)


async def test_that_what_is_found_for_one_who_takes_an_old_answer_is_not_shared_with_who_does_not() -> None:
    cache, clock, make = HeldCache(), Clock(), Maker()
    answers = ResponseCache(cache, clock=clock)
    await answers.get_or_call(REQUEST, make, StepResult, max_age=60.0)
    clock.now += 30.0
    cache.go.clear()
    asked = [
        asyncio.create_task(answers.get_or_call(REQUEST, make, StepResult, max_age=age)) for age in (60.0, 1.0, 45.0)
    ]
    await settle()
    cache.go.set()
    old, new, either = await asyncio.gather(*asked)
    assert (old.answer.output, new.answer.output) == ("1", "2")
    assert either.cached


async def test_that_what_is_found_for_one_who_takes_a_similar_answer_is_not_shared_with_who_does_not() -> None:
    cache, make = HeldCache(), Maker()
    answers = ResponseCache(cache)
    await answers.get_or_call(REQUEST, make, StepResult, max_age=60.0, near=near(1.0, 0.0))
    cache.go.clear()
    asked = [
        asyncio.create_task(answers.get_or_call(OTHER, make, StepResult, max_age=60.0, near=like))
        for like in (near(1.0, 0.1), None)
    ]
    await settle()
    cache.go.set()
    assert [(given.found, given.answer.output) for given in await asyncio.gather(*asked)] == [
        ("similar", "1"),
        ("new", "2"),
    ]
