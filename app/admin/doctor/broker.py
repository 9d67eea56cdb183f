"""Whether the broker answers, and which version it has."""

from __future__ import annotations

from collections.abc import AsyncIterator

from app.admin.doctor.base import Examination, Finding
from app.brokers import inspection


class Broker:
    """Reaches the broker."""

    name = "broker"
    needs_broker = needs_network = False

    async def findings(self, examined: Examination) -> AsyncIterator[Finding]:
        """Yield whether it answers, with its protocol and its nodes.

        Raises:
            BrokerError: it does not answer any more.
        """
        if examined.client is None:
            message, _, fix = examined.unreachable.partition("; ")
            yield Finding(
                self.name, "error", "broker", message, fix or "check broker.bootstrap_servers, and that it runs"
            )
            return
        connection = examined.client.connection
        version = await inspection.protocol_version(connection)
        cluster = await (await examined.client.admin()).describe_cluster()
        nodes = len(cluster["brokers"])
        spoken = f"the protocol of Apache Kafka {version}" if version else "an old protocol"
        counted = f"{nodes} node{'' if nodes == 1 else 's'}"
        if version:
            yield Finding(self.name, "ok", connection.bootstrap_servers, f"answers with {spoken}; {counted}")
        else:
            fix = "upgrade the broker: it is older than Apache Kafka 2.3"
            yield Finding(self.name, "warning", connection.bootstrap_servers, f"answers with {spoken}; {counted}", fix)
