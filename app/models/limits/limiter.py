"""The limiter port: who may call a provider now, with which credentials, and what is learned from the outcome."""

from __future__ import annotations

from typing import Protocol

from app.models.base import Model, Prompt
from app.models.outcome import Attempt


class Permit(Protocol):
    """Permission for one attempt; `leave` must always be called."""

    @property
    def model(self) -> Model:
        """The component to ask."""
        ...

    def leave(self, attempt: Attempt | None) -> bool | None:
        """Give the place back; `attempt` is how it went, None when nothing was asked.

        Returns true if what was turned down is one key of several, so that another attempt may follow at once.
        """
        ...


class Limiter(Protocol):
    """Lets attempts through, one permit for each."""

    @property
    def model(self) -> Model:
        """The component, as far as it is the same whatever the credentials."""
        ...

    async def enter(self, prompt: Prompt, *, priority: int, deadline: float | None) -> Permit:
        """Return when an attempt may be made; those of higher `priority` first.

        It may wait until `deadline` (monotonic seconds), and the caller may cancel it.

        Raises:
            ModelError: the attempt is not to be made.
        """
        ...
