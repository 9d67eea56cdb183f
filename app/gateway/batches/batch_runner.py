"""Runs batches: of all gateways, one works on each batch, and another goes on where it has ended.

Which one that is, a consumer group says: it gives each partition of `batches` to one member. Nothing is read with it,
and nothing committed: where a batch stands, its states on the topic say.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from app.errors import BrokerError
from app.gateway.batches.batch_log import OVER
from app.gateway.batches.batch_rounds import Rounds
from app.gateway.parts import Parts
from app.gateway.problems import Overloaded
from app.partitioner import partition_of
from topics import BATCHES

_LOOK_SECONDS = 0.3
_AGAIN_SECONDS = 5.0
_SESSION_MS = 6000
#: A batch that has met so many defects has failed.
_MOST_DEFECTS = 3

log = logging.getLogger(__name__)


class BatchRunner:
    """Works on the batches of this gateway's partitions, as long as it is `running`."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._running: dict[str, asyncio.Task[None]] = {}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Work while the context lasts; what is under way is left to others."""
        watching = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching

    async def _watch(self) -> None:
        """Be a member of the group from when there is a batch."""
        while True:
            await self._parts.batches.active.wait()
            try:
                async with self._member() as consumer:
                    while True:
                        # Asked for regularly, or else the group takes this member for dead; all is paused.
                        consumer.pause(*consumer.assignment())
                        await consumer.getmany(timeout_ms=int(_LOOK_SECONDS * 1000))
                        await self._keep_to({place.partition for place in consumer.assignment()})
            except KafkaError as error:
                log.warning("batches wait for the broker: %r", error)
                await asyncio.sleep(_AGAIN_SECONDS)
            finally:
                await self._keep_to(set())

    @asynccontextmanager
    async def _member(self) -> AsyncIterator[AIOKafkaConsumer]:
        client = self._parts.client
        consumer = AIOKafkaConsumer(
            client.full_name(BATCHES),
            **client.connection.options,
            group_id=f"{client.settings.app_id}-batches",
            enable_auto_commit=False,
            auto_offset_reset="latest",
            session_timeout_ms=_SESSION_MS,
            heartbeat_interval_ms=_SESSION_MS // 4,
        )
        try:
            await consumer.start()
            yield consumer
        finally:
            await consumer.stop()

    async def _keep_to(self, partitions: set[int]) -> None:
        """Work on the batches of these partitions, and on no others."""
        count = self._parts.settings.topics.partitions
        mine = {one for one in self._parts.batches.unfinished() if partition_of(one, count) in partitions}
        for batch_id in self._running.keys() - mine:
            task = self._running.pop(batch_id)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        for batch_id in mine - self._running.keys():
            self._running[batch_id] = asyncio.create_task(self._run(batch_id))

    async def _run(self, batch_id: str) -> None:
        defects = 0
        while True:
            try:
                await self._run_to_end(batch_id, broken=defects == _MOST_DEFECTS)
            except (BrokerError, KafkaError, Overloaded) as error:
                log.warning("the batch %s waits: %s", batch_id, error)
            except Exception:
                defects = min(defects + 1, _MOST_DEFECTS)
                log.exception("the batch %s cannot go on", batch_id)
            else:
                return
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _run_to_end(self, batch_id: str, *, broken: bool) -> None:
        """Make all rounds; of a batch that is `broken`, none but its end."""
        batches, tasks = self._parts.batches, self._parts.log
        # A former owner's last states and tasks may have come a moment ago.
        await asyncio.gather(batches.read_all(), tasks.reach_end(), self._parts.catalog.read_all())
        rounds = Rounds(self._parts, batch_id)
        while (state := batches.get(batch_id)) and state.status not in OVER:
            following = (
                rounds.failed(state) if broken else await rounds.next(state, cancelled=batches.is_cancelled(batch_id))
            )
            if following is not state:
                await batches.put(batch_id, following)
