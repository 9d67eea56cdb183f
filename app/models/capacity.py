"""How many calls a component takes at once, as the component itself knows it."""

from __future__ import annotations

from collections.abc import Callable

from app.models.base import Model


class Capacity:
    """So many calls at once, together for all models that share it.

    The limiters of these models take a place for each attempt and give it back, so that an attempt waits outside of
    the component, where none of its time runs. A component whose work goes on after its call was given up keeps the
    place until then, by `take` and `release` of its own.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._taken = 0
        self._waiting: list[Callable[[], None]] = []

    @property
    def free(self) -> bool:
        """Whether one more call can be taken."""
        return self._taken < self.size

    def take(self) -> None:
        """Take a place."""
        self._taken += 1

    def release(self) -> None:
        """Give a place back, and offer it to those who were told of the last one longest ago."""
        self._taken -= 1
        for offer in tuple(self._waiting):
            if not self.free:
                return
            before = self._taken
            offer()
            if self._taken > before:  # it has had its turn: next time the others come first
                self._waiting.remove(offer)
                self._waiting.append(offer)

    def on_release(self, offer: Callable[[], None]) -> None:
        """Have `offer` called when a place is free: it takes it if somebody waits for one."""
        self._waiting.append(offer)


def capacity_of(model: Model) -> Capacity | None:
    """Return the `capacity` that a component tells, None if it knows no limit of its own."""
    told = getattr(model, "capacity", None)
    return told if isinstance(told, Capacity) else None
