from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from app.client.pending_keys import PendingKeys
from app.client.reader import Reader
from app.errors import BrokerError


class _Reader:
    def __init__(self, records: list[str], error: Exception | None = None) -> None:
        self._records = records
        self._error = error

    async def coming(self, timeout: float | None = None) -> AsyncIterator[str]:
        for record in self._records:
            await asyncio.sleep(0)
            yield record
        if self._error:
            raise self._error
        await asyncio.sleep(3600 if timeout is None else timeout)


def _waiting(seen: list[str]) -> PendingKeys:
    def arrived(key: str, record: Any) -> None:
        assert key == record
        seen.append(key)

    return PendingKeys(lambda record: record, arrived)


def _reader(*records: str, error: Exception | None = None) -> Reader:
    return cast("Reader", _Reader(list(records), error))


async def test_each_key_arrives_once_and_strangers_are_skipped() -> None:
    seen: list[str] = []
    waiting = _waiting(seen)
    async with waiting.follow(_reader("x", "a", "a", "b")):
        waiting.expect("a")
        waiting.expect("b")
        assert await waiting.settled(5)
    assert seen == ["a", "b"]


async def test_what_does_not_come_is_left() -> None:
    waiting = _waiting([])
    async with waiting.follow(_reader("a")):
        waiting.expect("a")
        waiting.expect("b")
        assert not await waiting.settled(0.05)
    assert waiting.left == {"b"}


async def test_nothing_expected_is_settled() -> None:
    assert await _waiting([]).settled(0.01)


async def test_an_error_while_reading_is_raised() -> None:
    async def work() -> None:
        waiting = _waiting([])
        async with waiting.follow(_reader(error=BrokerError("gone"))):
            waiting.expect("a")
            await waiting.settled(5)

    with pytest.raises(BrokerError, match="gone"):
        await work()
