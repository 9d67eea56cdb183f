from __future__ import annotations

import pytest
from rich.cells import cell_len

from app.cli.runs.bar_chart import Columns, TimeAxis
from tests.cli.runlog import Log, moment


def _axis(seconds: float = 34.0) -> TimeAxis:
    log = Log()
    log.result(seconds)
    return TimeAxis(log.view())


@pytest.mark.parametrize(
    ("start", "end", "bar"),
    [
        (0.0, 34.0, "#" * 34),
        (10.0, 20.0, " " * 10 + "#" * 10),
        (10.0, 10.0, " " * 10 + "#"),
        (34.0, 34.0, " " * 33 + "#"),
        (-5.0, 2.0, "##"),
        (30.0, 99.0, " " * 30 + "####"),
    ],
)
def test_a_bar_stands_where_its_time_is(start: float, end: float, bar: str) -> None:
    assert _axis().bar(moment(start), moment(end), "#") == bar


def test_a_bar_without_an_end_reaches_to_the_end_and_one_without_a_start_is_none() -> None:
    assert _axis().bar(moment(30.0), None, "#") == " " * 30 + "####"
    assert _axis().bar(None, moment(3.0), "#") == ""


def test_a_run_that_took_no_time_has_bars() -> None:
    assert _axis(0.0).bar(moment(0.0), moment(0.0), "#") == "#"


def test_columns_stand_below_each_other_whatever_the_names_are() -> None:
    names = ("a", "b" * 80, "模型" * 30)
    columns = Columns.fitting(names, None)
    rows = [line for name in names for line in columns.row(name, "#", "ok", "1.0", "rest")]
    assert {cell_len(one.partition("#")[0]) for one in rows} == {122}
    assert all(name in one for name, one in zip(names, rows, strict=True))


@pytest.mark.parametrize(
    ("width", "name", "bar"),
    [
        (None, 26, 34),
        (113, 26, 34),
        (112, 7, 34),
        (80, 7, 20),
        (60, 7, 26),
        (44, 7, 10),
        (43, 7, 0),
        (31, 0, 0),
        (1, 0, 0),
    ],
)
def test_a_narrow_terminal_has_shorter_bars_or_none(width: int | None, name: int, bar: int) -> None:
    columns = Columns.fitting(["retrieve"[:7], "a"], width)
    assert (columns.name, columns.bar) == (name, bar)


@pytest.mark.parametrize("width", [87, 60, 44, 43, 31, 20])
def test_nothing_of_a_row_is_lost_in_a_narrow_terminal(width: int) -> None:
    columns = Columns.fitting(["retrieve"], width)
    lines = list(columns.row("retrieve", "#", "succeeded", "1.000", "3 chunks"))
    assert " ".join(lines).replace("#", "").split() == ["retrieve", "succeeded", "1.000", "3", "chunks"]
    assert all(cell_len(line) <= max(width, 26) for line in lines)
