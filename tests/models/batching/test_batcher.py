from __future__ import annotations

import asyncio
import random
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import (
    BatchExpired,
    BatchFailed,
    InvalidRequest,
    ModelError,
    ModelTimeout,
    RateLimited,
    Unauthorized,
    Unavailable,
)
from app.models.base import BatchResults, Completion, Features, Prompt
from app.models.batching.batcher import Batcher, batch_item_name
from app.models.calling.call import Clock
from app.settings import ModelSettings
from testkit.bounded_limiter import BoundedLimiter
from topics.model_requests import Message, Ticket


class Provider:
    """Takes batches, and answers each request with its name; fails as told."""

    provider = "p"
    features: Features = frozenset({"batch"})

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self.looks: list[str] = []
        self.over = False
        self.errors: list[BaseException] = []
        self.slow = asyncio.Event()
        self.slow.set()

    def batched(self, prompt: Prompt) -> Mapping[str, Any]:
        text = prompt.messages[0].content
        if text == "impossible":
            raise InvalidRequest("there are no words for it", provider="p")
        if text == "fault":
            raise KeyError(text)
        return {"text": text}

    async def submit(self, requests: Mapping[str, Mapping[str, Any]], *, timeout: float) -> str:  # noqa: ARG002  # the port's signature
        await self.slow.wait()
        if self.errors:
            raise self.errors.pop(0)
        self.taken.append(dict(requests))
        return f"b{len(self.taken)}"

    async def collect(self, batch: str, *, timeout: float) -> BatchResults | None:  # noqa: ARG002  # likewise
        self.looks.append(batch)
        await self.slow.wait()
        if self.errors:
            raise self.errors.pop(0)
        if not self.over:
            return None
        requests = self.taken[int(batch[1:]) - 1]
        answers = {name: Completion(request["text"]) for name, request in requests.items() if request["text"] != "lost"}
        return BatchResults(answers, BatchFailed("it is not there", provider="p"))

    async def complete(self, prompt: Prompt, *, timeout: float) -> Completion:
        raise NotImplementedError

    async def close(self) -> None:
        """Hold nothing."""


class Time:
    """A clock that is moved by hand; sleeping moves it, too."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class Scene:
    def __init__(self, model: Provider | None = None, *, attempts: int = 3, **batch: Any) -> None:
        self.model = model or Provider()
        self.time = Time()
        self.settings = ModelSettings.model_validate(
            {"provider": "p", "batch": {"window": 0.02, "poll": 60.0, **batch}, "timeout": 5.0, "attempts": attempts}
        )
        clock = Clock(lambda: self.time.now, self.time.sleep, random.Random(1))  # noqa: S311  # luck of its own
        self.batcher = Batcher(BoundedLimiter(self.model, 100), self.settings, clock=clock)

    async def submit(self, *texts: str) -> list[Ticket | ModelError]:
        return await asyncio.gather(*(self.batcher.submit(f"t/say/{text}/1", _prompt(text)) for text in texts))

    async def tickets(self, *texts: str) -> list[Ticket]:
        found = await self.submit(*texts)
        return [one for one in found if isinstance(one, Ticket)]


@asynccontextmanager
async def scene(model: Provider | None = None, **chosen: Any) -> AsyncIterator[Scene]:
    made = Scene(model, **chosen)
    try:
        async with asyncio.timeout(10):
            yield made
    finally:
        await made.batcher.close()


def _prompt(text: str) -> Prompt:
    return Prompt((Message(role="user", content=text),))


async def test_that_requests_of_a_window_are_one_batch_and_each_has_its_ticket() -> None:
    async with scene() as here:
        before = datetime.now(UTC)
        tickets = await here.tickets("a", "b", "c")
        (batch,) = here.model.taken
        assert [request["text"] for request in batch.values()] == ["a", "b", "c"]
        assert [ticket.item for ticket in tickets] == list(batch)
        assert {(ticket.batch, ticket.poll) for ticket in tickets} == {("b1", 60.0)}
        assert all(before <= ticket.at <= datetime.now(UTC) for ticket in tickets)


async def test_that_a_full_batch_is_handed_in_at_once() -> None:
    async with scene(size=2, window=600.0) as here:
        await here.tickets("a", "b", "c", "d")
        assert [len(batch) for batch in here.model.taken] == [2, 2]


async def test_that_requests_too_long_for_one_batch_go_into_several() -> None:
    async with scene(window=600.0) as here:
        long = "x" * 20_000_000
        await here.tickets(f"a{long}", f"b{long}")
        assert [len(batch) for batch in here.model.taken] == [2]


async def test_that_the_same_request_is_in_a_batch_once_and_both_who_ask_are_told() -> None:
    async with scene() as here:
        one, other = await here.tickets("a", "a")
        assert one == other.model_copy(update={"at": one.at})
        assert [len(batch) for batch in here.model.taken] == [1]


async def test_that_who_waits_no_more_leaves_the_batch() -> None:
    async with scene() as here:
        gone = asyncio.create_task(here.submit("gone"))
        stays = asyncio.create_task(here.submit("stays"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        gone.cancel()
        await stays
        assert [[one["text"] for one in batch.values()] for batch in here.model.taken] == [["stays"]]


async def test_that_a_batch_of_nothing_is_not_handed_in() -> None:
    async with scene() as here:
        gone = asyncio.create_task(here.submit("gone"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0.05)
        assert here.model.taken == []
        assert len(await here.tickets("next")) == 1


@pytest.mark.parametrize(("text", "code"), [("impossible", "invalid_request"), ("fault", "internal")])
async def test_that_a_request_that_cannot_be_sent_does_not_spoil_the_batch(text: str, code: str) -> None:
    async with scene() as here:
        wrong, right = await here.submit(text, "a")
        assert isinstance(wrong, ModelError)
        assert (wrong.code, isinstance(right, Ticket)) == (code, True)


async def test_that_handing_in_is_tried_again_when_that_may_help_and_as_late_as_the_provider_asks() -> None:
    async with scene() as here:
        here.model.errors = [RateLimited("slowly", retry_after=7.0), Unavailable("away")]
        assert len(await here.tickets("a")) == 1
        assert here.time.slept[0] >= 7.0
        assert len(here.time.slept) == 2


class Late(Provider):
    """Takes a batch, and answers too late; it can be asked what it has, unless that fails, too."""

    def __init__(self, *, late: int, errors: Sequence[ModelError] = ()) -> None:
        super().__init__()
        self.late = late
        self.find_errors = list(errors)
        self.asked = 0

    async def submit(self, requests: Mapping[str, Mapping[str, Any]], *, timeout: float) -> str:
        name = await super().submit(requests, timeout=timeout)
        if len(self.taken) <= self.late:
            raise ModelTimeout("no answer", provider="p")
        return name

    async def find_batch(self, requests: Mapping[str, Mapping[str, Any]], *, timeout: float) -> str | None:  # noqa: ARG002  # likewise
        self.asked += 1
        if self.find_errors:
            raise self.find_errors.pop(0)
        return next((f"b{at}" for at, taken in enumerate(self.taken, 1) if taken.keys() == requests.keys()), None)


@pytest.mark.parametrize(
    ("settings", "errors", "asked"), [({}, [], 1), ({}, [Unavailable("away")], 2), ({"attempts": 1}, [], 1)]
)
async def test_that_a_batch_which_the_provider_took_but_answered_too_late_is_not_handed_in_again(
    settings: dict[str, Any], errors: list[ModelError], asked: int
) -> None:
    model = Late(late=1, errors=errors)
    async with scene(model, **settings) as here:
        (ticket,) = await here.tickets("a")
        assert (ticket.batch, len(model.taken), model.asked) == ("b1", 1, asked)


async def test_that_a_batch_which_was_refused_is_not_looked_for() -> None:
    model = Late(late=0)
    model.errors = [RateLimited("slowly"), Unavailable("away")]
    async with scene(model) as here:
        (ticket,) = await here.tickets("a")
        assert (ticket.batch, model.asked) == ("b1", 1)  # only after the second


@pytest.mark.parametrize(
    "errors", [[Unauthorized("no")], [Unavailable("away")] * 3, [RateLimited("no", retry_after=1e4)]]
)
async def test_that_an_error_that_stays_is_what_all_are_told(errors: list[Exception]) -> None:
    async with scene() as here:
        here.model.errors = list(errors)
        found = await here.submit("a", "b")
        assert [one.code for one in found if isinstance(one, ModelError)] == [errors[0].code] * 2  # type: ignore[attr-defined]  # a model's error
        assert here.model.taken == []


async def test_that_a_component_that_raises_what_it_should_not_is_at_fault() -> None:
    async with scene() as here:
        here.model.errors = [RuntimeError("secret")]
        (found,) = await here.submit("a")
        assert isinstance(found, ModelError)
        assert found.code == "internal"
        assert "secret" not in str(found)


async def test_that_a_provider_that_does_not_answer_is_given_up() -> None:
    async with scene() as here:
        here.settings.__dict__["timeout"] = 0.01
        here.settings.__dict__["attempts"] = 1
        here.model.slow.clear()
        (found,) = await here.submit("a")
        assert isinstance(found, ModelTimeout)


async def test_that_a_batch_is_looked_after_once_in_a_while_however_many_ask() -> None:
    async with scene() as here:
        tickets = await here.tickets(*"abcdef")
        for _ in range(3):
            found = await asyncio.gather(*map(here.batcher.collect, tickets))
            assert found == tickets
        assert here.model.looks == ["b1"]
        here.time.now += 60.0
        await here.batcher.collect(tickets[0])
        assert here.model.looks == ["b1", "b1"]


async def test_that_answers_are_fetched_once_for_all() -> None:
    async with scene() as here:
        tickets = await here.tickets(*"abc")
        here.model.over = True
        found = [await here.batcher.collect(ticket) for ticket in tickets]
        assert [one.text for one in found if isinstance(one, Completion)] == ["a", "b", "c"]
        here.time.now += 61.0
        assert isinstance(await here.batcher.collect(tickets[0]), Completion)
        assert here.model.looks == ["b1"]
        here.time.now += 120.0
        assert isinstance(await here.batcher.collect(tickets[0]), Completion)
        assert here.model.looks == ["b1", "b1"]  # it was not kept for ever


async def test_that_a_request_that_is_not_in_the_answers_has_failed() -> None:
    async with scene() as here:
        (ticket,) = await here.tickets("lost")
        here.model.over = True
        assert isinstance(await here.batcher.collect(ticket), BatchFailed)


@pytest.mark.parametrize("error", [Unavailable("away"), RateLimited("slowly"), ModelTimeout("late")])
async def test_that_a_provider_that_is_away_only_makes_it_last_longer(error: ModelError) -> None:
    async with scene() as here:
        (ticket,) = await here.tickets("a")
        here.model.errors = [error]
        assert await here.batcher.collect(ticket) == ticket
        here.model.over = True
        assert await here.batcher.collect(ticket) == ticket  # nor is it asked again at once
        here.time.now += 60.0
        assert isinstance(await here.batcher.collect(ticket), Completion)


async def test_that_it_is_asked_again_as_late_as_the_provider_wants() -> None:
    async with scene() as here:
        (ticket,) = await here.tickets("a")
        here.model.errors = [RateLimited("slowly", retry_after=500.0)]
        later = await here.batcher.collect(ticket)
        assert later == ticket.model_copy(update={"poll": 500.0})
        here.time.now += 500.0
        assert await here.batcher.collect(later) == ticket


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidRequest("unknown batch"), "batch_failed"),
        (Unauthorized("no"), "unauthorized"),
        (BatchExpired("late"), "batch_expired"),
        (BatchFailed("refused"), "batch_failed"),
        (ValueError("oops"), "internal"),
    ],
)
async def test_that_an_error_that_stays_ends_the_wait(error: Exception, code: str) -> None:
    async with scene() as here:
        (ticket,) = await here.tickets("a")
        here.model.errors = [error]
        found = await here.batcher.collect(ticket)
        assert isinstance(found, ModelError)
        assert found.code == code


async def test_that_a_look_goes_on_for_the_others_when_one_waits_no_more() -> None:
    async with scene() as here:
        one, other = await here.tickets("a", "b")
        here.model.over = True
        here.model.slow.clear()
        first = asyncio.create_task(here.batcher.collect(one))
        second = asyncio.create_task(here.batcher.collect(other))
        await asyncio.sleep(0.01)
        first.cancel()
        here.model.slow.set()
        assert isinstance(await second, Completion)
        assert here.model.looks == ["b1"]


async def test_that_closing_ends_what_is_under_way() -> None:
    here = Scene()
    here.model.slow.clear()
    waiting = asyncio.create_task(here.submit("a"))
    await asyncio.sleep(0.05)
    await here.batcher.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert here.model.taken == []


@given(st.text(min_size=1, max_size=300), st.text(min_size=1, max_size=300))
def test_that_a_name_is_one_that_every_provider_takes_and_its_own(one: str, other: str) -> None:
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", batch_item_name(one))
    assert (batch_item_name(one) == batch_item_name(other)) == (one == other)


def test_that_people_recognise_a_name() -> None:
    assert batch_item_name("q-1/answer/gpt/1").startswith("q-1-answer-gpt-1-")


async def test_that_a_provider_that_breaks_off_leaves_nobody_waiting() -> None:
    async with scene() as here:
        here.model.errors = [asyncio.CancelledError()]
        (found,) = await here.submit("a")
        assert isinstance(found, ModelError)
        (ticket,) = await here.tickets("b")
        here.model.errors = [asyncio.CancelledError()]
        assert isinstance(await here.batcher.collect(ticket), ModelError)
