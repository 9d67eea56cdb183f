from __future__ import annotations

import pytest
from rich.cells import cell_len

from app.cli.runs.bar_chart import TimeAxis, row
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
    rows = [row(name, "#", "ok", "1.0", "rest") for name in ("a", "b" * 80, "模型" * 30)]
    assert {cell_len(one.partition("#")[0]) for one in rows} == {28}
    assert rows[1].partition("#")[0].rstrip().endswith("…")
