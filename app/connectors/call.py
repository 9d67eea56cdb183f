"""Run a connector once: timeout and failures are handled here, for all components."""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue
from pydantic_core import from_json, to_json

from app.cancellation import ends_task
from app.connectors.base import Connector
from app.errors import ConnectorError, ConnectorTimeout, OrchestratorError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ConnectorOutcome:
    """The outcome: `output` (which may be null) or `error`, after `seconds`."""

    output: JsonValue
    error: OrchestratorError | None
    seconds: float


async def call_connector(
    name: str, connector: Connector, arguments: Mapping[str, JsonValue], *, timeout: float
) -> ConnectorOutcome:
    """Run the connector called `name` within `timeout` seconds; raises nothing but CancelledError."""
    started = time.perf_counter()
    error: OrchestratorError | None = None
    output: JsonValue = None
    try:
        # The component was told the timeout; this enforces it.
        async with asyncio.timeout(timeout):
            output = plain(await connector.run(arguments, timeout=timeout))
    except OrchestratorError as problem:
        error = problem
    except TimeoutError:
        error = ConnectorTimeout(f"no answer within {timeout:.3g} s")
    except BaseException as fault:  # a third party's component must not stop the worker
        if ends_task(fault):
            raise
        error = _fault(name, fault)
    return ConnectorOutcome(output, error, time.perf_counter() - started)


def plain(value: object) -> JsonValue:
    """Return `value` as JSON: models, dataclasses and dates are converted, NaN becomes null.

    Raises:
        ConnectorError: it cannot be represented as JSON.
    """
    try:
        made: JsonValue = from_json(to_json(value, inf_nan_mode="null"))
    except ValueError:  # nested too deep, or what JSON has no word for
        raise ConnectorError(f"the result ({type(value).__name__}) cannot be represented as JSON") from None
    return made


def _fault(name: str, fault: BaseException) -> ConnectorError:
    kind = type(fault).__name__
    # The place helps to fix it; the exception's message may quote a secret, and stays out.
    log.error("connector %s raised %s\n%s", name, kind, "".join(traceback.format_tb(fault.__traceback__)))
    return ConnectorError(f"{name} failed with {kind}; see the worker's log")
