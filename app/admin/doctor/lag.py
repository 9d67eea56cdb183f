"""Whether the workers keep up."""

from __future__ import annotations

from collections.abc import AsyncIterator

from app.admin.consumer_group import inspect
from app.admin.doctor.base import Examination, Finding

#: Events of one topic: more than these are many, as the alert in docs/operations.md has it.
MANY = 1000


class Lag:
    """Looks at the consumer group of the workers."""

    name = "lag"
    needs_broker, needs_network = True, False

    async def findings(self, examined: Examination) -> AsyncIterator[Finding]:
        """Yield the topics on which events wait, or else that none has many."""
        assert examined.client  # noqa: S101  # it needs a broker
        group = await inspect(examined.client)
        waiting = {topic.topic: topic.waiting for topic in group.topics if topic.waiting}
        if not group.workers:
            events = sum(waiting.values())
            message = f"no worker is in the group; {events} events wait" if events else "no worker is in the group"
            fix = "meta-ai orchestrator run, or meta-ai orchestrator worker"
            yield Finding(self.name, "error" if events else "warning", group.id, message, fix)
            return
        for topic, events in waiting.items():
            if events > MANY:
                fix = "start more workers: docs/operations.md, Scaling; or look at slow models: meta-ai top"
                yield Finding(self.name, "warning", topic, f"{events} events wait", fix)
        if max(waiting.values(), default=0) <= MANY:
            workers = f"{len(group.workers)} worker{'' if len(group.workers) == 1 else 's'}"
            message = f"{workers}; {sum(waiting.values())} events wait"
            yield Finding(self.name, "ok", group.id, message)
