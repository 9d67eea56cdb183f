from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from app.client import reader
from app.client.reader import Reader
from app.errors import BrokerError, DeadlineExceeded


class _Consumer:
    """One partition called `p`, whose records are their offsets; two come with each fetch."""

    def __init__(self, end: int, at: int = 0) -> None:
        self._end = end
        self._at = at

    async def getmany(self, *_: Any, timeout_ms: int, **_options: Any) -> dict[str, list[Any]]:
        assert timeout_ms >= 0
        offsets = range(self._at, min(self._at + 2, self._end))
        self._at += len(offsets)
        return {"p": [SimpleNamespace(offset=offset) for offset in offsets]} if offsets else {}

    async def position(self, _: str) -> int:
        return self._at

    def highwater(self, _: str) -> int:
        return self._end

    def last_poll_timestamp(self, _: str) -> None:
        return None


async def _alive() -> None:
    pass


async def _gone() -> None:
    raise BrokerError("gone")


def _reader(end: int, *, held: int, check: Callable[[], Awaitable[None]] = _alive) -> Reader:
    return Reader(_Consumer(end), {"p": 0}, {"p": held}, check)


async def test_held_ends_where_the_topic_ended() -> None:
    assert [record.offset async for record in _reader(9, held=3).held()] == [0, 1, 2]


async def test_nothing_is_held_by_an_empty_topic() -> None:
    assert [record async for record in _reader(0, held=0).held()] == []


async def test_coming_ends_with_its_time() -> None:
    seen = []

    async def work() -> None:
        async for record in _reader(3, held=0).coming(0.05):
            seen.append(record.offset)  # noqa: PERF401  # what came before the error counts

    with pytest.raises(DeadlineExceeded):
        await work()
    assert seen == [0, 1, 2]


async def test_a_broker_that_has_gone_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "_CHECK_AFTER", 0.0)
    with pytest.raises(BrokerError, match="gone"):
        await anext(_reader(0, held=0, check=_gone).coming())
