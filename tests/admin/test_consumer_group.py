from __future__ import annotations

import pytest

from app.admin.consumer_group import Worker, ranges
from app.cli.orchestrator.status import owned


@pytest.mark.parametrize(
    ("numbers", "text"), [([], ""), ([3], "3"), ([2, 0, 1], "0-2"), ([0, 2, 3, 7, 8, 9, 11], "0, 2-3, 7-9, 11")]
)
def test_numbers_are_put_in_short(numbers: list[int], text: str) -> None:
    assert ranges(numbers) == text


@pytest.mark.parametrize(
    ("partitions", "text"),
    [
        ({}, "none"),
        ({"tasks": (0, 1), "results": (0, 1)}, "0-1"),
        ({"tasks": (0, 1), "documents": (1,), "slots": (0, 1)}, "0-1 of tasks, slots; 1 of documents"),
    ],
)
def test_what_a_worker_owns_is_said_once_if_it_is_the_same_everywhere(
    partitions: dict[str, tuple[int, ...]], text: str
) -> None:
    assert owned(Worker("m", "h", partitions)) == text
