"""A Kafka of two nodes, of which the second leads one partition: so that it alone can be away."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from app.brokers.kafka import LocalKafka
from app.brokers.ports import LOOPBACK, free_port
from testkit.cluster.jvm_options import QUICK
from topics import ALL

PARTITIONS = 8
#: The partition that the second node leads.
AWAY = PARTITIONS - 1


@dataclass(frozen=True, slots=True)
class TwoNodes:
    """The cluster: clients begin at `first`, and `second` may be killed and started again."""

    first: LocalKafka
    second: LocalKafka

    @property
    def servers(self) -> str:
        """The address of the first node."""
        return self.first.connection.bootstrap_servers


@asynccontextmanager
async def two_nodes(folder: Path) -> AsyncIterator[TwoNodes]:
    """Run both nodes; what Kafka keeps for itself is on the first."""
    port, controller, second_port = free_port(), free_port(), free_port()
    voters = {"controller.quorum.voters": f"1@{LOOPBACK}:{controller}"}
    listeners = f"PLAINTEXT://{LOOPBACK}:{port},CONTROLLER://{LOOPBACK}:{controller}"
    first = LocalKafka(folder / "first", port, properties={**voters, "listeners": listeners}, jvm_options=QUICK)
    await first.start()
    try:
        await _use_once(first.connection.bootstrap_servers)
        _join(folder / "first", folder / "second")
        alone = {"process.roles": "broker", "node.id": "2", "listeners": f"PLAINTEXT://{LOOPBACK}:{second_port}"}
        second = LocalKafka(folder / "second", second_port, properties={**voters, **alone}, jvm_options=QUICK)
        await second.start()
        try:
            yield TwoNodes(first, second)
        finally:
            await second.kill()
    finally:
        await first.stop()


async def _use_once(servers: str) -> None:
    """Have Kafka make its topics for groups and transactions, while there is one node."""
    await _create(servers, [NewTopic("first", 1, 1)])
    async with AIOKafkaConsumer("first", bootstrap_servers=servers, group_id="first"):
        pass
    async with AIOKafkaProducer(bootstrap_servers=servers, transactional_id="first"):
        pass


def _join(first: Path, second: Path) -> None:
    """Make an empty log for the second node, of the same cluster as the first."""
    lines = (first / "log" / "meta.properties").read_text().splitlines()
    (cluster,) = [line for line in lines if line.startswith("cluster.id=")]
    log = second / "log"
    log.mkdir(parents=True)
    (log / "meta.properties").write_text(f"version=1\n{cluster}\nnode.id=2\ndirectory.id={uuid.uuid4().hex[:22]}\n")


async def make_topics(servers: str, prefix: str, *, away: Sequence[str] = ()) -> None:
    """Make all topics, with the last partition on the second node: of each, or of those that are named."""
    names = [f"{prefix}{prefix}app-runs", *(prefix + topic.name for topic in ALL)]
    here = {partition: [1] for partition in range(PARTITIONS)}
    parted = {**here, AWAY: [2]}
    await _create(
        servers,
        [NewTopic(name, -1, -1, replica_assignments=parted if name in (away or names) else here) for name in names],
    )


async def _create(servers: str, topics: list[NewTopic]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        await admin.create_topics(topics)
    finally:
        await admin.close()
