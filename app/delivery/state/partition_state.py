"""What the owner of a partition keeps in memory: the state of its runs, and the record of what was answered."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from app.delivery.state.keyed_state import KeyedState


class AnsweredRequests:
    """The ids of the events sent as answers within the last `window` seconds."""

    def __init__(self, window: float) -> None:
        self.window = window
        self._at: OrderedDict[str, float] = OrderedDict()

    def __contains__(self, event_id: str) -> bool:
        return event_id in self._at

    def __len__(self) -> int:
        return len(self._at)

    def add(self, event_id: str, at: float) -> None:
        """Note an answer sent at `at` (epoch seconds), and forget those that are too old to be asked again."""
        self._at[event_id] = at
        self._at.move_to_end(event_id)
        while self._at and next(iter(self._at.values())) < at - self.window:
            self._at.popitem(last=False)


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
        self._loaded = asyncio.Event()

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
