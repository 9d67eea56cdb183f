"""What every connector promises, as checks for any of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from pydantic import JsonValue

from app.conformance import Check, CheckFailed, require, run_checks
from app.connectors.base import Connector
from app.connectors.call import call_connector, plain
from app.connectors.function import FunctionConnector
from app.errors import ConnectorError

#: A name and a value that no connector knows; the value must not appear in the error.
_UNKNOWN, _SECRET = "no_such_argument", "hunter2"
_CONCURRENT = 20


async def probe_connector(
    connector: Connector | Callable[..., Any], arguments: Mapping[str, JsonValue], *, timeout: float = 30.0
) -> AsyncIterator[Check]:
    """Yield one check after the other, then close the connector; a function is checked as the connector it becomes.

    It is called with `arguments` about 25 times, each within `timeout` seconds: use a fake of the service.
    """
    made = FunctionConnector(connector) if callable(connector) else connector
    async for check in run_checks(ConnectorChecks(made, arguments, timeout), ConnectorError):
        yield check


class ConnectorChecks:
    """One method for each promise."""

    def __init__(self, connector: Connector, arguments: Mapping[str, JsonValue], timeout: float) -> None:
        self._connector = connector
        self._arguments = dict(arguments)
        self._timeout = timeout

    async def run(self) -> None:
        """Its output can be represented as JSON, and its arguments are left as they are."""
        before = json.dumps(self._arguments)
        plain(await self._run(self._arguments))
        require(json.dumps(self._arguments) == before, "it changes its arguments")

    async def concurrency(self) -> None:
        """Many run at once."""
        await asyncio.gather(*(self._run(self._arguments) for _ in range(_CONCURRENT)))

    async def unknown_argument(self) -> None:
        """An argument that it does not know is refused by name, for good, and without its value."""
        try:
            await self._run({**self._arguments, _UNKNOWN: _SECRET})
        except ConnectorError as error:
            require(_UNKNOWN in str(error), "the error does not name the unknown argument")
            require(_SECRET not in str(error), "the error quotes the value of an argument")
            require(not error.transient, f"{type(error).__name__} would have it tried again")
            return
        raise CheckFailed(f"the unknown argument {_UNKNOWN} is not refused")

    async def close(self) -> None:
        """It can be closed twice, and then fails without harm."""
        async with asyncio.timeout(self._timeout):
            await self._connector.close()
            await self._connector.close()
        outcome = await call_connector("closed", self._connector, self._arguments, timeout=self._timeout)
        require(
            outcome.error is None or isinstance(outcome.error, ConnectorError),
            f"after close it fails with {type(outcome.error).__name__}",
        )

    async def _run(self, arguments: Mapping[str, JsonValue]) -> JsonValue:
        async with asyncio.timeout(self._timeout):
            return await self._connector.run(arguments, timeout=self._timeout)
