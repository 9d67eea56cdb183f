from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from app.cli.slots import rows
from app.workflows.records import records
from app.workflows.run import Done, Semaphore

NOW = 1_768_464_000.0


def _records(**states: Any) -> Iterator[Any]:
    for name, state in states.items():
        for key, value in records(name.replace("__", "\t"), state, None):
            yield SimpleNamespace(key=key.encode(), value=value)


def test_holders_and_those_that_wait_are_in_the_order_of_their_turn() -> None:
    queue = ((-5, 2, "urgent", "urgent/slot", NOW + 60), (0, 1, "other", "other/slot", NOW + 60))
    held = Semaphore(limit=2, holders={"a": NOW + 60, "b": NOW + 30}, queue=queue)
    found = list(rows(_records(**{"slot__w/k/1": held, "t": Done("d", NOW)}), NOW))
    assert [(row.workflow, row.key, row.limit, row.run, row.state, row.place) for row in found] == [
        ("w", "k/1", 2, "a", "holds", None),
        ("w", "k/1", 2, "b", "holds", None),
        ("w", "k/1", 2, "urgent", "waits", 1),
        ("w", "k/1", 2, "other", "waits", 2),
    ]
    assert found[0].until.isoformat() == "2026-01-15T08:01:00+00:00"


def test_what_is_free_by_now_or_removed_is_not_there() -> None:
    held = Semaphore(limit=1, holders={"a": NOW - 1}, queue=((0, 1, "b", "b/slot", NOW - 1),))
    assert list(rows(_records(**{"slot__w/": held}), NOW)) == []
    gone = [*_records(**{"slot__w/": held}), SimpleNamespace(key=b"slot\tw/", value=None)]
    assert list(rows(gone, NOW - 10)) == []


def test_a_key_may_be_any_text() -> None:
    held = Semaphore(limit=1, holders={"a": NOW + 1})
    (row,) = rows(_records(**{"slot__w/任务 😀/x": held}), NOW)
    assert (row.workflow, row.key) == ("w", "任务 😀/x")
