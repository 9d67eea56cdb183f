"""Components that are made anew when their secrets change, without a failed call."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Generic, Protocol, TypeVar

from app.errors import OrchestratorError

S_co = TypeVar("S_co", covariant=True)
S = TypeVar("S")
T = TypeVar("T")

log = logging.getLogger(__name__)


class Live(Protocol[S_co]):
    """Settings that refer to secrets."""

    @property
    def value(self) -> S_co:
        """The settings with the secrets as they were read last: the same object until one changes."""
        ...

    async def renew(self) -> None:
        """Read the secrets again now."""
        ...


class Closable(Protocol):
    """What is released when it is not used any more."""

    async def close(self) -> None:
        """Release it."""
        ...


C = TypeVar("C", bound=Closable)


class _Use(Generic[C]):
    def __init__(self, component: C) -> None:
        self.component = component
        self.users = 0
        self.retired = False


class Rotating(Generic[S, C]):
    """A component made of live settings. When they change, new calls get a new one; the old one ends its calls.

    `name` is what log lines call it.
    """

    def __init__(self, name: str, live: Live[S], build: Callable[[S], C]) -> None:
        self._name = name
        self._live = live
        self._build = build
        self._settings = live.value
        self._use = _Use(build(self._settings))
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def component(self) -> C:
        """The component as the secrets are now."""
        return self._current().component

    @asynccontextmanager
    async def use(self) -> AsyncIterator[C]:
        """Use the component in the block: it is not closed meanwhile."""
        use = self._current()
        use.users += 1
        try:
            yield use.component
        finally:
            use.users -= 1
            self._close_unused(use)

    async def call(
        self, call: Callable[[C, float], Awaitable[T]], timeout: float, *, is_refusal: Callable[[Exception], bool]
    ) -> T:
        """Return what a call of the component returns, within `timeout` seconds in all.

        One that ends in a refusal of the secret is repeated if there is now another one; what it raises is raised.
        """
        until = time.monotonic() + timeout
        async with self.use() as component:
            try:
                return await call(component, timeout)
            except Exception as error:
                if not is_refusal(error) or not await self.renewed(component):
                    raise
        async with self.use() as component:
            return await call(component, max(0.0, until - time.monotonic()))

    async def renewed(self, refused: C) -> bool:
        """Read the secrets again; return whether there is now another component than the one that was refused."""
        await self._live.renew()
        return self.component is not refused

    async def close(self) -> None:
        """Close the component, and wait for those before it."""
        await asyncio.gather(self._use.component.close(), *self._closing)

    def _current(self) -> _Use[C]:
        settings = self._live.value
        if settings is not self._settings:
            changed, self._settings = settings != self._settings, settings
            if changed:
                self._replace(settings)
        return self._use

    def _replace(self, settings: S) -> None:
        try:
            component = self._build(settings)
        except OrchestratorError as error:  # the old secret may still do
            log.error("the new secret of %s cannot be used: %s", self._name, error)  # noqa: TRY400  # says it all
            return
        log.info("%s uses its new secret", self._name)
        before, self._use = self._use, _Use(component)
        before.retired = True
        self._close_unused(before)

    def _close_unused(self, use: _Use[C]) -> None:
        if use.retired and not use.users:
            task = asyncio.get_running_loop().create_task(use.component.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
