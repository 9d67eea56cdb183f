"""The port of a stream assembler: it builds an answer from its events."""

from __future__ import annotations

from typing import Protocol

from app.models.base import Completion, Delta
from topics.model_responses import Usage


class StreamAssembler(Protocol):
    """Builds one answer from its events."""

    @property
    def done(self) -> bool:
        """Whether the last event has arrived."""
        ...

    @property
    def usage(self) -> Usage:
        """What the provider has counted so far."""
        ...

    @property
    def partial(self) -> Completion:
        """All that the model has written so far, with `usage`."""
        ...

    def add(self, name: str, data: str) -> Delta | None:
        """Add one event, and return the delta that it contains.

        Raises:
            ModelError: the event reports an error, or does not have the documented format.
        """
        ...

    def completion(self) -> Completion:
        """Return the complete answer after the last event.

        Raises:
            ModelError: it is incomplete, or was withheld.
        """
        ...
