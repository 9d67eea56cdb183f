"""An answer that comes in events, put together."""

from __future__ import annotations

from typing import Protocol

from app.models.base import Completion, Delta


class StreamAssembler(Protocol):
    """Takes the events of one answer."""

    @property
    def done(self) -> bool:
        """Whether the last event has come."""
        ...

    def add(self, name: str, data: str) -> Delta | None:
        """Take one event, and return the piece of the answer that it brings.

        Raises:
            ModelError: the event tells of an error, or is not what the API promises.
        """
        ...

    def completion(self) -> Completion:
        """Return the whole answer, when no further event comes.

        Raises:
            ModelError: it is not whole, or was withheld.
        """
        ...
