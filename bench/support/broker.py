"""The Kafka of the benchmarks: a fresh one on this machine, or an existing one."""

from __future__ import annotations

import tempfile
from argparse import ArgumentParser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from app.brokers.base import Connection
from app.brokers.kafka import LocalKafka


def add_option(parser: ArgumentParser) -> None:
    """Add the option for an existing broker."""
    parser.add_argument("--bootstrap", metavar="HOST:PORT", help="a Kafka to use; without it one is started")


@asynccontextmanager
async def kafka(bootstrap: str | None) -> AsyncIterator[Connection]:
    """Yield the connection to `bootstrap`, or to an Apache Kafka that is removed, with its data, after the block.

    Raises:
        BrokerError: it does not start.
    """
    if bootstrap:
        yield Connection(bootstrap)
        return
    with tempfile.TemporaryDirectory(prefix="meta-ai-bench-") as folder:
        node = LocalKafka(Path(folder, "kafka"))
        connection = await node.start()
        try:
            yield connection
        finally:
            await node.stop()
