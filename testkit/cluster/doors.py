"""A Kafka that some workers reach directly, and others by a link whose faults a test decides."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.brokers.kafka import LocalKafka
from app.brokers.ports import free_port
from testkit.cluster.harness import Deployment, deploy
from testkit.cluster.jvm_options import QUICK
from testkit.cluster.toxiproxy import Link, link


@dataclass(frozen=True, slots=True)
class Doors:
    """Ports of one Kafka: it listens on `direct` and `behind`, and tells clients of the latter to come by `proxied`."""

    direct: int
    behind: int
    proxied: int


def properties(doors: Doors) -> dict[str, str]:
    """Return the listeners of a Kafka behind these doors."""
    host, controller = "127.0.0.1", free_port()
    return {
        "listeners": f"PLAINTEXT://{host}:{doors.direct},PROXIED://{host}:{doors.behind},CONTROLLER://{host}:{controller}",
        "advertised.listeners": f"PLAINTEXT://{host}:{doors.direct},PROXIED://{host}:{doors.proxied}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.quorum.voters": f"1@{host}:{controller}",
    }


@asynccontextmanager
async def kafka_with_doors(folder: Path) -> AsyncIterator[Doors]:
    """Run the Kafka."""
    found = Doors(free_port(), free_port(), free_port())
    broker = LocalKafka(folder, found.direct, properties=properties(found), jvm_options=QUICK)
    await broker.start()
    try:
        yield found
    finally:
        await broker.stop()


@asynccontextmanager
async def linked(
    server: Path, doors: Doors, folder: Path, *, delay: Callable[[], float] = lambda: 0.2, **options: Any
) -> AsyncIterator[tuple[Deployment, Link]]:
    """Yield a deployment without workers, and the link between these and Kafka; `options` are those of `deploy`."""
    servers, by_link = f"127.0.0.1:{doors.direct}", f"127.0.0.1:{doors.proxied}"
    async with (
        link(server, doors.proxied, doors.behind) as between,
        deploy(servers, folder, delay=delay, link=by_link, **options) as deployment,
    ):
        yield deployment, between
