from __future__ import annotations

import asyncio
from unittest.mock import patch

from app.errors import BatchFailed, ModelError, Unavailable
from app.models.base import BatchResults, Completion
from app.models.batching.polling import BatchPoller


class Scene:
    """Batches that are over when told, each with so many answers."""

    def __init__(self, every: float = 10.0) -> None:
        self.now = 0.0
        self.looked: list[str] = []
        self.answers: dict[str, int] = {}
        self.error: ModelError | None = None
        self.looks = BatchPoller(self._look, every=every, now=lambda: self.now)

    async def _look(self, batch: str) -> BatchResults | ModelError | None:
        self.looked.append(batch)
        if self.error or batch not in self.answers:
            return self.error
        answers = {str(number): Completion("") for number in range(self.answers[batch])}
        return BatchResults(answers, BatchFailed("none"))


async def test_that_a_batch_under_way_is_looked_at_once_in_a_while() -> None:
    here = Scene()
    for now in (0.0, 9.9, 10.0, 15.0, 20.0):
        here.now = now
        assert await here.looks.at("b") is None
    assert here.looked == ["b"] * 3
    here.looks.close()


async def test_that_an_error_is_told_to_all_for_a_while() -> None:
    here = Scene()
    here.error = Unavailable("away")
    assert [await here.looks.at("b") for _ in range(3)] == [here.error] * 3
    assert here.looked == ["b"]
    here.looks.close()


async def test_that_a_batch_that_is_over_is_not_looked_at_again_until_it_is_forgotten() -> None:
    here = Scene()
    here.answers["b"] = 2
    for now in (0.0, 10.0, 19.0, 21.0):
        here.now = now
        assert isinstance(await here.looks.at("b"), BatchResults)
    assert here.looked == ["b", "b"]
    here.looks.close()


async def test_that_too_many_answers_are_not_kept() -> None:
    here = Scene()
    here.answers = {"a": 3, "b": 3, "c": 3}
    with patch("app.models.batching.polling._MAX_ANSWERS", 6):
        for batch in "abc":
            await here.looks.at(batch)
        await here.looks.at("c")
        await here.looks.at("b")
        await here.looks.at("a")
    assert here.looked == ["a", "b", "c", "a"]
    here.looks.close()


async def test_that_answers_go_though_nobody_asks_any_more() -> None:
    here = Scene(every=0.01)
    here.answers["b"] = 1
    await here.looks.at("b")
    here.now = 1.0
    async with asyncio.timeout(5):
        while here.looks._known:  # noqa: ASYNC110  # a timer of its own forgets it
            await asyncio.sleep(0.005)


async def test_that_closing_gives_up_what_is_under_way() -> None:
    never = asyncio.Event()

    async def look(_batch: str) -> None:
        await never.wait()

    looks = BatchPoller(look, every=1.0, now=lambda: 0.0)
    waiting = asyncio.create_task(looks.at("b"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    looks.close()
    assert isinstance((await asyncio.gather(waiting, return_exceptions=True))[0], asyncio.CancelledError)
