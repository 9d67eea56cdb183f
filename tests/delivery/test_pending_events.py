from __future__ import annotations

from typing import Any

import pytest

from app.delivery.assignment.assignment import PartitionAssignment
from app.delivery.core import Delivered
from app.delivery.pending_events import PendingEvent, PendingEvents
from app.delivery.state.partition_state import PartitionState


@pytest.fixture
async def assignment() -> PartitionAssignment:
    return PartitionAssignment(0, PartitionState(0, wake_at=lambda _value: None, window=1.0))


def _early(name: Any, assignment: PartitionAssignment) -> PendingEvent:
    return PendingEvent(Delivered(message=name, assignment=assignment), received=name, agent="a")


async def test_that_events_leave_with_their_key_in_the_order_in_which_they_came(
    assignment: PartitionAssignment,
) -> None:
    room, first, second, other = PendingEvents(), _early(1, assignment), _early(2, assignment), _early(3, assignment)
    room.add("k", first, until=20.0)
    room.add("other", other, until=5.0)
    room.add("k", second, until=10.0)
    assert room.take("k") == [first, second]
    assert room.take("k") == []
    assert room.expired(30.0) == [other]
    assert room.expired(30.0) == []


async def test_that_each_event_waits_for_as_long_as_it_may(assignment: PartitionAssignment) -> None:
    room, patient, hasty = PendingEvents(), _early(1, assignment), _early(2, assignment)
    room.add("k", patient, until=60.0)
    room.add("k", hasty, until=5.0)
    assert room.expired(4.9) == []
    assert room.expired(5.0) == [hasty]
    assert room.take("k") == [patient]


async def test_that_events_of_an_ended_assignment_are_left_to_the_next_owner(
    assignment: PartitionAssignment,
) -> None:
    room = PendingEvents()
    room.add("k", _early(1, assignment), until=5.0)
    room.add("j", _early(2, assignment), until=5.0)
    assignment.end()
    assert room.take("k") == []
    assert room.expired(9.0) == []
