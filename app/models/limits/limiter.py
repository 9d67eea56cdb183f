"""The limiter port: who may call a provider now, with which credentials, and what is learned from the outcome."""

from __future__ import annotations

from typing import Protocol

from app.models.base import Model, Prompt
from app.models.outcome import Attempt


class Permit(Protocol):
    """Permission for one attempt; `leave` must always be called."""

    @property
    def model(self) -> Model:
        """The component to call."""
        ...

    def leave(self, attempt: Attempt | None) -> bool | None:
        """Release the permit; `attempt` is its outcome, None if no call was made.

        Returns true if only one of several keys was refused, so that another attempt may follow at once.
        """
        ...


class Limiter(Protocol):
    """Lets attempts through, one permit for each."""

    @property
    def model(self) -> Model:
        """The component, as far as it does not depend on the key."""
        ...

    async def enter(self, prompt: Prompt, *, priority: int, deadline: float | None) -> Permit:
        """Return when an attempt may be made; those of higher `priority` first.

        It may wait until `deadline` (monotonic seconds), and the caller may cancel it.

        Raises:
            ModelError: the attempt is not to be made.
        """
        ...
