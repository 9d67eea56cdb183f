"""Shutting out whoever owned a partition before, at the broker.

A worker that was cut off may have writes under way, in its producer or in a socket, that reach the broker long after
another worker has read the partition back. So each partition has a transactional id. Whoever is assigned the partition
takes the id over, which raises its epoch, and ends an empty transaction with it: its marker tells the epoch to the
leader of each fenced topic's partition. From then on the leaders refuse batches with an older epoch. The owner sends
its batches for these partitions under this id and epoch, but outside of transactions, and so for nothing.

What is sent to the partitions of others (a child's task, a turn, money) is not fenced: it does the same when it comes
again. The embedded broker knows no transactions; it serves one process, and there is nobody to shut out.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError, TransactionalIdAuthorizationFailed

from app.delivery.assignment.assignment import AssignmentEnded, Assignments, PartitionAssignment
from app.delivery.kafka.kafka_private import FencedProducer, Identity, TransactionCoordinator
from app.errors import BrokerError

log = logging.getLogger(__name__)

#: Kafka forgets a transactional id that was not used for a week, and its epoch in a partition after a day.
_RENEW_SECONDS = 6 * 3600.0
_RETRY_SECONDS = 0.5


class Fences:
    """Fences the partitions that this worker is given; `topics` are the full names of the topics that are fenced."""

    def __init__(
        self, producer: FencedProducer, assignments: Assignments, app_id: str, topics: Collection[str]
    ) -> None:
        self._producer = producer
        self._assignments = assignments
        self._app_id = app_id
        self._topics = topics
        self._identities: dict[PartitionAssignment, Identity] = {}

    async def fence(self, assignment: PartitionAssignment) -> None:
        """Return when nobody but this assignment can write to its partition of the fenced topics.

        Raises:
            AssignmentEnded: the partition went to another worker meanwhile.
            BrokerError: the broker does not let this worker use transactional ids.
        """
        identity = await self._take_over(assignment)
        await assignment.confirm()
        self._identities[assignment] = identity
        self._producer.adopt(self._partitions(assignment), identity)
        assignment.at_end(lambda: self._lift(assignment))

    async def renew_regularly(self, interval: float = _RENEW_SECONDS) -> None:
        """Use each fence now and then, so that the broker does not forget it."""
        while True:
            await asyncio.sleep(interval)
            for assignment in tuple(self._identities):
                await self.renew(assignment)

    async def renew(self, assignment: PartitionAssignment) -> None:
        """Use a fence; one that was taken over, or forgotten, is raised again under a new assignment."""
        identity = self._identities[assignment]
        try:
            await self._coordinator(assignment).mark(
                identity.producer_id, identity.producer_epoch, self._partitions(assignment)
            )
        except AssignmentEnded:
            return
        except KafkaError as error:
            log.warning("the fence of partition %d cannot be renewed: %r", assignment.partition, error)
            identity.lost()

    async def _take_over(self, assignment: PartitionAssignment) -> Identity:
        coordinator = self._coordinator(assignment)
        while True:
            try:
                producer_id, epoch = await coordinator.take_over()
                await coordinator.mark(producer_id, epoch, self._partitions(assignment))
            except TransactionalIdAuthorizationFailed:
                name = coordinator.transactional_id
                raise BrokerError(
                    f"the broker refuses the transactional id {name}: grant Describe and Write on the "
                    f"transactional ids that begin with {self._app_id}-"
                ) from None
            except KafkaError as error:
                log.warning("fencing partition %d again after: %r", assignment.partition, error)
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                return Identity(producer_id, epoch, lambda: self._assignments.lose(assignment))

    def _coordinator(self, assignment: PartitionAssignment) -> TransactionCoordinator:
        return TransactionCoordinator(
            self._producer.client, f"{self._app_id}-{assignment.partition}", assignment.confirm
        )

    def _partitions(self, assignment: PartitionAssignment) -> list[TopicPartition]:
        return [TopicPartition(topic, assignment.partition) for topic in self._topics]

    def _lift(self, assignment: PartitionAssignment) -> None:
        self._producer.disown(self._identities.pop(assignment))
