from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import InvalidProducerEpoch, KafkaError, TransactionalIdAuthorizationFailed

from app.delivery.assignment.assignment import AssignmentEnded
from app.delivery.assignment.fencing import Fences
from app.delivery.kafka.kafka_private import Identity, TransactionCoordinator
from app.errors import BrokerError
from tests.delivery.fakes import Harness


class Producer:
    """Notes which partitions are sent under which identity."""

    client = None

    def __init__(self) -> None:
        self.identities: dict[TopicPartition, Identity] = {}

    def adopt(self, partitions: Iterable[TopicPartition], identity: Identity) -> None:
        self.identities.update((tp, identity) for tp in partitions)

    def disown(self, identity: Identity) -> None:
        self.identities = {tp: other for tp, other in self.identities.items() if other is not identity}


class Rig:
    """A worker that owns partition 0, and a broker that answers as it is told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.harness, self.producer = Harness(), Producer()
        self.harness.own("any", 0)
        self.assignment = self.harness.assignment()
        self.failures: list[KafkaError] = []
        self.asked: list[str] = []
        self.fences = Fences(self.producer, self.harness.assignments, "app", ["state", "results"])  # type: ignore[arg-type]  # as much of one as is used
        rig = self

        async def take_over(coordinator: TransactionCoordinator) -> tuple[int, int]:
            rig.asked.append(coordinator.transactional_id)
            return 5, len(rig.asked)

        async def mark(coordinator: TransactionCoordinator, *_given: Any) -> None:
            await coordinator.confirm()
            if rig.failures:
                raise rig.failures.pop()

        monkeypatch.setattr(TransactionCoordinator, "take_over", take_over)
        monkeypatch.setattr(TransactionCoordinator, "mark", mark)
        monkeypatch.setattr("app.delivery.assignment.fencing._RETRY_SECONDS", 0.0)


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Rig:
    return Rig(monkeypatch)


async def test_that_an_owner_writes_under_an_identity_of_its_own_until_the_assignment_ends(rig: Rig) -> None:
    await rig.fences.fence(rig.assignment)
    assert rig.asked == ["app-0"]
    assert set(rig.producer.identities) == {TopicPartition("state", 0), TopicPartition("results", 0)}
    rig.assignment.end()
    assert rig.producer.identities == {}


async def test_that_who_is_overtaken_while_it_fences_does_it_again(rig: Rig) -> None:
    rig.failures = [InvalidProducerEpoch(), KafkaError()]
    await rig.fences.fence(rig.assignment)
    assert len(rig.asked) == 3
    (identity,) = set(rig.producer.identities.values())
    assert identity.producer_epoch == 3


async def test_that_an_assignment_that_has_ended_is_not_fenced(rig: Rig) -> None:
    rig.harness.assignments.suspend()
    fencing = asyncio.create_task(rig.fences.fence(rig.assignment))
    await asyncio.sleep(0)
    rig.harness.own("any", 1)
    with pytest.raises(AssignmentEnded):
        await fencing
    assert rig.producer.identities == {}


async def test_that_a_broker_that_refuses_says_what_to_grant(rig: Rig) -> None:
    rig.failures = [TransactionalIdAuthorizationFailed()]
    with pytest.raises(BrokerError, match="Describe and Write on the transactional ids that begin with app-"):
        await rig.fences.fence(rig.assignment)


async def test_that_a_fence_that_is_refused_ends_the_assignment_and_the_group_is_asked(rig: Rig) -> None:
    asked: list[int] = []
    rig.harness.assignments.rejoin = lambda: asked.append(1)
    await rig.fences.fence(rig.assignment)
    await rig.fences.renew(rig.assignment)
    assert not rig.assignment.ended
    rig.failures = [InvalidProducerEpoch()]
    await rig.fences.renew(rig.assignment)
    assert (rig.assignment.ended, asked, rig.producer.identities) == (True, [1], {})


async def test_that_fences_are_renewed_while_an_assignment_lasts(rig: Rig) -> None:
    await rig.fences.fence(rig.assignment)
    renewing = asyncio.create_task(rig.fences.renew_regularly(0.001))
    rig.failures = [InvalidProducerEpoch()]
    async with asyncio.timeout(5):
        while not rig.assignment.ended:  # noqa: ASYNC110  # nothing tells it
            await asyncio.sleep(0.001)
    await asyncio.sleep(0.01)
    assert not renewing.done()  # without an assignment there is nothing to renew
    renewing.cancel()
