"""A Python function of an installed package as a connector: arguments are its keywords."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Self

from pydantic import JsonValue

from app.errors import ConfigurationError, ConnectorError
from app.settings import ConnectorSettings


class FunctionConnector:
    """Calls `function`: a plain one in a thread, at most `threads` at once, an async one in the event loop.

    `fixed` are keywords from the settings, which a workflow cannot change. A thread that timed out cannot be stopped:
    until it ends, it occupies one of the threads, and its result is dropped.
    """

    def __init__(
        self, function: Callable[..., Any], *, fixed: Mapping[str, Any] | None = None, threads: int = 64
    ) -> None:
        self._function = function
        self._signature = inspect.signature(function)
        self._fixed = dict(fixed or {})
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=f"connector-{_name(function)}")

    @classmethod
    def from_settings(cls, name: str, settings: ConnectorSettings, function: Callable[..., Any]) -> Self:
        """Return `function` as the connector that the configuration calls `name`; `options` are fixed keywords.

        Raises:
            ConfigurationError: it has no such keyword, or a setting is only valid for `http`.
        """
        for key in ("url", "headers"):
            if getattr(settings, key):
                raise ConfigurationError(f"connectors.{name}.{key}: only valid for kind: http")
        try:
            inspect.signature(function).bind_partial(**settings.options)
        except (TypeError, ValueError) as problem:
            raise ConfigurationError(f"connectors.{name}.options: {_name(function)}: {problem}") from None
        return cls(function, fixed=settings.options, threads=settings.max_concurrency)

    async def run(self, arguments: Mapping[str, JsonValue], *, timeout: float) -> JsonValue:  # noqa: ARG002  # enforced by the caller
        """Return what the function returns.

        Raises:
            ConnectorError: an argument is missing, unknown or fixed; other exceptions of the function propagate.
        """
        work = partial(self._function, **self._keywords(arguments))
        if _is_async(self._function):
            returned = await work()
        else:
            context = contextvars.copy_context()  # so that requests made by the function are part of this trace
            returned = await asyncio.get_running_loop().run_in_executor(self._threads, context.run, work)
        result: JsonValue = await returned if inspect.isawaitable(returned) else returned
        return result

    async def close(self) -> None:
        """Start no more calls; running ones cannot be stopped, and are not awaited."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _keywords(self, arguments: Mapping[str, JsonValue]) -> dict[str, Any]:
        if both := sorted(arguments.keys() & self._fixed.keys()):
            raise ConnectorError(f"arguments.{both[0]}: is already set in the connector's settings")
        keywords = {**arguments, **self._fixed}
        try:
            self._signature.bind(**keywords)
        except TypeError as problem:
            raise ConnectorError(f"arguments: {problem}") from None
        return keywords


def _is_async(function: Callable[..., Any]) -> bool:
    # a function, or an object with an async __call__
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004  # inspected, not tested for


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", type(function).__name__)
