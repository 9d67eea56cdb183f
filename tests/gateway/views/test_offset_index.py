from __future__ import annotations

from app.gateway.views.offset_index import OffsetIndex


def test_the_newest_entry_of_a_task_counts() -> None:
    index = OffsetIndex(retention=240.0)
    index.put("a", 1, at=1000.0)
    index.put("b", 2, at=1000.0)
    index.put("a", 3, at=1100.0)
    assert (index.get("a"), index.get("b"), index.get("c")) == (3, 2, None)


def test_an_entry_is_kept_for_the_retention_and_dropped_soon_after() -> None:
    index = OffsetIndex(retention=240.0)
    for second in range(1000):
        index.put(f"t-{second}", second, at=float(second))
    assert all(index.get(f"t-{second}") == second for second in range(760, 1000))
    assert index.get("t-700") is None
    assert len(index) < 300


def test_a_topic_that_is_read_partition_by_partition_loses_nothing() -> None:
    index = OffsetIndex(retention=240.0)
    for partition in range(3):
        for second in range(760, 1000):
            index.put(f"{partition}-{second}", second, at=float(second))
    assert all(index.get(f"{partition}-{second}") for partition in range(3) for second in range(760, 1000))


def test_after_a_long_silence_everything_is_dropped() -> None:
    index = OffsetIndex(retention=240.0)
    index.put("old", 1, at=0.0)
    index.put("new", 2, at=1_000_000.0)
    assert (index.get("old"), index.get("new"), len(index)) == (None, 2, 1)


def test_any_text_is_an_id() -> None:
    index = OffsetIndex(retention=240.0)
    for offset, text in enumerate(("", "\ud800", "é" * 200, "\x00")):
        index.put(text, offset, at=0.0)
        assert index.get(text) == offset
