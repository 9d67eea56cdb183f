"""Methods that are written once, and called with or without `await`.

A method describes a call: it returns a `Call`, or is a generator of steps. Of a `Client`'s resource it then returns
what the call comes to, and of an `AsyncClient`'s an awaitable of that; type checkers see which.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import suppress
from functools import update_wrapper
from types import TracebackType
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, Self, TypeVar, overload

from meta_ai_orchestrator._client.actions import Emit, Emits, Steps
from meta_ai_orchestrator._client.calls import Call
from meta_ai_orchestrator._client.core import Core
from meta_ai_orchestrator._client.transports import AsyncConnection, Connection, advance

if TYPE_CHECKING:
    import httpx2

P = ParamSpec("P")
T = TypeVar("T")


class Sync:
    """Carries calls out in the thread of the caller; threads may share it. It closes an HTTP client that it `owns`."""

    def __init__(self, http: httpx2.Client, *, owns: bool) -> None:
        self.http = http
        self._owns = owns

    def close(self) -> None:
        """Close the connections."""
        if self._owns:
            self.http.close()

    def __del__(self) -> None:
        with suppress(Exception):  # the interpreter may be ending
            self.close()

    def run(self, steps: Steps[T]) -> T:
        """Return what the steps come to."""
        connection, reply = Connection(self.http), None
        try:
            while True:
                reply = connection.perform(advance(steps, reply))
        except StopIteration as end:
            value: T = end.value
            return value

    def items(self, steps: Emits[T]) -> Stream[T]:
        """Return what the steps hand out."""
        return Stream(steps, Connection(self.http))


class Async:
    """The twin of `Sync`, for one event loop."""

    def __init__(self, http: httpx2.AsyncClient, *, owns: bool) -> None:
        self.http = http
        self._owns = owns

    async def close(self) -> None:
        """Close the connections."""
        if self._owns:
            await self.http.aclose()

    async def run(self, steps: Steps[T]) -> T:
        """Return what the steps come to."""
        connection, reply = AsyncConnection(self.http), None
        try:
            while True:
                reply = await connection.perform(advance(steps, reply))
        except StopIteration as end:
            value: T = end.value
            return value

    def items(self, steps: Emits[T]) -> AsyncStream[T]:
        """Return what the steps hand out."""
        return AsyncStream(steps, AsyncConnection(self.http))


class Stream(Generic[T]):
    """The items of a list, or the events of a task, one by one; requests are made while you iterate.

    Leaving its `with` block, or `close()`, ends the connection.
    """

    def __init__(self, steps: Emits[T], connection: Connection) -> None:
        self._steps = steps
        self._connection = connection
        self._reply: Any = None

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        while True:
            action, self._reply = advance(self._steps, self._reply), None
            if isinstance(action, Emit):
                return action.item
            self._reply = self._connection.perform(action)

    def close(self) -> None:
        """End it, wherever it is."""
        self._steps.close()
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncStream(Generic[T]):
    """The twin of `Stream`."""

    def __init__(self, steps: Emits[T], connection: AsyncConnection) -> None:
        self._steps = steps
        self._connection = connection
        self._reply: Any = None

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        while True:
            try:
                action, self._reply = advance(self._steps, self._reply), None
            except StopIteration:
                raise StopAsyncIteration from None
            if isinstance(action, Emit):
                return action.item
            self._reply = await self._connection.perform(action)

    async def close(self) -> None:
        """End it, wherever it is."""
        self._steps.close()
        await self._connection.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


Mode = TypeVar("Mode")


class Resource(Generic[Mode]):
    """A part of the API; `Mode` says how its calls are carried out."""

    def __init__(self, core: Core, mode: Mode) -> None:
        self._core = core
        self._mode = mode


class Endpoint(Generic[P, T]):
    """A method that returns one thing."""

    def __init__(self, describe: Callable[Concatenate[Any, P], Call[T] | Steps[T]]) -> None:
        self._describe = describe
        update_wrapper(self, describe)  # type: ignore[arg-type]  # it is called through what `__get__` returns

    @overload
    def __get__(self, resource: Resource[Sync], kind: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, resource: Resource[Async], kind: type) -> Callable[P, Coroutine[Any, Any, T]]: ...
    @overload
    def __get__(self, resource: None, kind: type) -> Self: ...
    def __get__(self, resource: Resource[Any] | None, kind: type) -> Any:
        """Return the method of a resource."""
        if resource is None:
            return self

        def method(*args: P.args, **kwargs: P.kwargs) -> Any:
            described = self._describe(resource, *args, **kwargs)
            steps = resource._core.call(described) if isinstance(described, Call) else described  # noqa: SLF001  # its method
            return resource._mode.run(steps)  # noqa: SLF001  # its method

        return update_wrapper(method, self._describe)


class Listed(Generic[P, T]):
    """A method that returns many things, one by one."""

    def __init__(self, describe: Callable[Concatenate[Any, P], Emits[T]]) -> None:
        self._describe = describe
        update_wrapper(self, describe)  # type: ignore[arg-type]  # as above

    @overload
    def __get__(self, resource: Resource[Sync], kind: type) -> Callable[P, Stream[T]]: ...
    @overload
    def __get__(self, resource: Resource[Async], kind: type) -> Callable[P, AsyncStream[T]]: ...
    @overload
    def __get__(self, resource: None, kind: type) -> Self: ...
    def __get__(self, resource: Resource[Any] | None, kind: type) -> Any:
        """Return the method of a resource."""
        if resource is None:
            return self

        def method(*args: P.args, **kwargs: P.kwargs) -> Any:
            return resource._mode.items(self._describe(resource, *args, **kwargs))  # noqa: SLF001  # its method

        return update_wrapper(method, self._describe)
