from __future__ import annotations

from typing import Any

import pytest

from app.delivery.core import Delivered
from app.delivery.early import Early, WaitingRoom
from app.delivery.holdings import Holdings
from app.delivery.tenure import Tenure


@pytest.fixture
async def tenure() -> Tenure:
    return Tenure(0, Holdings(0, wake_at=lambda _value: None, window=1.0))


def _early(name: Any, tenure: Tenure) -> Early:
    return Early(Delivered(message=name, tenure=tenure), received=name, agent="a")


async def test_that_events_leave_with_their_key_in_the_order_in_which_they_came(tenure: Tenure) -> None:
    room, first, second, other = WaitingRoom(), _early(1, tenure), _early(2, tenure), _early(3, tenure)
    room.add("k", first, until=20.0)
    room.add("other", other, until=5.0)
    room.add("k", second, until=10.0)
    assert room.take("k") == [first, second]
    assert room.take("k") == []
    assert room.expired(30.0) == [other]
    assert room.expired(30.0) == []


async def test_that_each_event_waits_for_as_long_as_it_may(tenure: Tenure) -> None:
    room, patient, hasty = WaitingRoom(), _early(1, tenure), _early(2, tenure)
    room.add("k", patient, until=60.0)
    room.add("k", hasty, until=5.0)
    assert room.expired(4.9) == []
    assert room.expired(5.0) == [hasty]
    assert room.take("k") == [patient]


async def test_that_events_of_a_tenure_that_ended_are_left_to_the_next_owner(tenure: Tenure) -> None:
    room = WaitingRoom()
    room.add("k", _early(1, tenure), until=5.0)
    room.add("j", _early(2, tenure), until=5.0)
    tenure.end()
    assert room.take("k") == []
    assert room.expired(9.0) == []
