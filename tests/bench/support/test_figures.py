from __future__ import annotations

import pytest

from bench.support.figures import percentile, table, with_median


@pytest.mark.parametrize(("share", "expected"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.0, 1)])
def test_a_percentile_is_a_value_that_so_many_do_not_exceed(share: float, expected: float) -> None:
    assert percentile(list(range(100, 0, -1)), share) == expected


def test_the_percentile_of_one_value_is_that_value() -> None:
    assert percentile([7.0], 0.99) == 7.0


def test_the_last_row_has_each_columns_median() -> None:
    assert with_median([(1.0, 30.0), (3.0, 10.0), (2.0, 20.0)])[-1] == ["median", 2.0, 20.0]


def test_a_table_shows_three_digits_and_aligns_its_columns() -> None:
    lines = table(("side", "rate"), [("ours", 1234.5), ("bare", 0.98765)]).splitlines()

    assert lines == ["| side |  rate |", "|-----:|------:|", "| ours | 1,234 |", "| bare | 0.988 |"]
