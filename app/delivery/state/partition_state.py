"""What the owner of a partition keeps in memory: the state of its runs, and the record of what was answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from typing import Any

from app.delivery.state.answered_requests import AnsweredRequests
from app.delivery.state.keyed_state import KeyedState


class PartitionState:
    """What belongs to one assignment; usable once it is `loaded` from the log.

    `wake_at`, `lasts` and `refresh` are those of `KeyedState`; `window` is that of `AnsweredRequests`.
    """

    def __init__(
        self,
        partition: int,
        *,
        wake_at: Callable[[Any], float | None],
        window: float,
        lasts: Callable[[Any], bool] = lambda _value: True,
        refresh: float = 300.0,
    ) -> None:
        self.values: KeyedState[Any] = KeyedState(partition, wake_at, lasts=lasts, refresh=refresh)
        self.answered = AnsweredRequests(window)
        self.values.also_since = lambda: self.answered.since
        self._loaded = asyncio.Event()
        self._when_loaded: dict[Hashable, Callable[[], None]] = {}

    @property
    def is_loaded(self) -> bool:
        """Whether the log has been read back."""
        return self._loaded.is_set()

    @property
    def ready(self) -> bool:
        """Whether the log has been read back, and all that it held was woken."""
        return self.is_loaded and not self.values.restored

    async def loaded(self) -> None:
        """Return when the log has been read back."""
        await self._loaded.wait()

    def finish_loading(self) -> None:
        """Open the partition_state for use."""
        self._loaded.set()
        while self._when_loaded:
            self._when_loaded.popitem()[1]()

    def when_loaded(self, who: Hashable, call: Callable[[], None]) -> None:
        """Have `call` called once when the log is read back; of what one and the same `who` says, the last counts."""
        self._when_loaded[who] = call
