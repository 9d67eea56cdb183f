from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.delivery.in_flight import InFlight
from app.delivery.offsets import OffsetTracker


def test_that_a_topic_is_full_for_itself_and_says_once_when_half_is_free() -> None:
    in_flight, said = InFlight(100), list[str]()
    in_flight.add("tasks", 99)
    assert not in_flight.is_full("tasks")
    in_flight.add("tasks", 1)
    assert (in_flight.is_full("tasks"), in_flight.is_full("signals")) == (True, False)
    for _ in range(3):
        in_flight.when_drained("tasks", 0, lambda: said.append("room"))
    in_flight.add("tasks", -40)
    assert (said, in_flight.is_full("tasks")) == ([], False)
    in_flight.add("tasks", -10)
    in_flight.add("tasks", -10)
    assert said == ["room"]


STEPS = st.lists(st.tuples(st.sampled_from(["fetch", "begin", "finish"]), st.integers(0, 9)), max_size=60)


@given(STEPS)
def test_that_what_is_counted_is_what_is_fetched_and_not_finished(steps: list[tuple[str, int]]) -> None:
    in_flight, sizes = InFlight(), dict[int, int]()
    offset_tracker, begun, highest = OffsetTracker(lambda size: in_flight.add("t", size)), set[int](), -1
    for step, offset in steps:
        match step:
            case "fetch":
                offset_tracker.fetched(offset, 10 + offset)
                if offset > highest:
                    sizes[offset], highest = 10 + offset, offset
            case "begin":
                if offset_tracker.begin(offset):
                    begun.add(offset)
            case _:
                offset_tracker.finish(offset)
                if offset in begun:
                    sizes.pop(offset, None)
        assert in_flight._bytes["t"] == sum(sizes.values())
    offset_tracker.close()
    offset_tracker.close()
    assert in_flight._bytes["t"] == 0
