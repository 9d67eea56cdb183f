"""Whether this login may do with the topics what a worker does."""

from __future__ import annotations

from collections.abc import AsyncIterator

from app.admin.doctor.base import Examination, Finding
from app.brokers import inspection
from app.brokers.topics import topic_name
from topics import ALL

_NEEDED = ("Describe", "Read", "Write")


class Access:
    """Asks the broker what is allowed; nothing is written."""

    name = "access"
    needs_broker, needs_network = True, False

    async def findings(self, examined: Examination) -> AsyncIterator[Finding]:
        """Yield the topics with which too little is allowed, or else that all is.

        Raises:
            BrokerError: it does not answer any more.
        """
        assert examined.client  # noqa: S101  # it needs a broker
        names = [topic_name(examined.settings.topics, topic) for topic in ALL]
        # A request for a topic that there is not could create it.
        there = await examined.client.partitions()
        seen = [name for name in names if name in there]
        if not seen:
            fix = "meta-ai topics create; or, if they are there, let this login Describe, Read and Write them"
            yield Finding(self.name, "error", "topics", "this login sees none of them", fix)
            return
        allowed = await inspection.allowed_operations(examined.client.connection, seen)
        if allowed is None:
            yield Finding(
                self.name, "ok", "topics", "the broker does not tell what is allowed: it has no ACLs, or is old"
            )
            return
        missing = {
            name: lacking for name in seen if (lacking := [one for one in _NEEDED if one not in allowed.get(name, ())])
        }
        for name, lacking in missing.items():
            user = examined.settings.broker.security.username or "USER"
            options = " ".join(f"--operation {one}" for one in lacking)
            fix = f"kafka-acls --add --allow-principal User:{user} {options} --topic {name}"
            yield Finding(self.name, "error", name, f"this login may not {', '.join(lacking)}", fix)
        if not missing:
            yield Finding(self.name, "ok", "topics", f"this login may read and write the {len(seen)} that it sees")
