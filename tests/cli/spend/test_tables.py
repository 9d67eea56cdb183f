from __future__ import annotations

import pytest
from rich.cells import cell_len

from app.cli.output import Output
from app.cli.spend.tables import bars, format_money, notes, show
from tests.admin.test_spend_totals import spend, sums
from topics.model_responses import Usage


def _cost(cost: float) -> Usage:
    return Usage(input_tokens=1000, cost=cost)


@pytest.mark.parametrize(
    ("dollars", "said"),
    [
        (0.0, "$0.00"),
        (1234.5, "$1,234.50"),
        (1.0, "$1.00"),
        (0.5, "$0.5000"),
        (0.0123456, "$0.0123"),
        (0.000012345, "$0.0000123"),
        (0.00001, "$0.0000100"),
    ],
)
def test_money_never_looks_like_nothing_when_it_is_something(dollars: float, said: str) -> None:
    assert format_money(dollars) == said


def test_bars_are_as_long_as_the_costs() -> None:
    records = [
        spend(str(n), model=name, usage=_cost(cost))
        for n, (name, cost) in enumerate([("dear", 2.0), ("half", 1.0), ("", 1e-9), ("free", 0.0), ("模型" * 20, 0.5)])
    ]
    lines = list(bars(sums(*records).rows()))
    assert [line.count("#") for line in lines] == [50, 25, 12, 1, 0]
    assert [line.split()[-1] for line in lines] == ["$2.0000", "$1.0000", "$0.5000", "<$0.0001", "$0.0000"]
    assert lines[3].startswith("(none)")
    assert len({cell_len(line) for line in lines}) == 1


def test_what_cost_nothing_has_no_bar() -> None:
    (line,) = bars(sums(spend(usage=_cost(0.0))).rows())
    assert "#" not in line


def test_the_notes_say_what_the_figures_do_not() -> None:
    assert list(notes(sums(spend()).total())) == []
    said = list(
        notes(
            sums(
                spend("a", outcome="lost", estimated=True),
                spend("b", priced="", usage=Usage(input_tokens=2000)),
                spend("c", outcome="cached", usage=Usage(), saved=2.0),
            ).total()
        )
    )
    assert [note.split()[0] for note in said] == ["$0.2500", "$2.00", "15", "2,000"]


def test_the_table_ends_with_the_total(capsys: pytest.CaptureFixture[str]) -> None:
    found = sums(spend("a", tenant="acme"), spend("b"), by="tenant")
    show(Output(), found.rows(), found.total(), "tenant", plot=False)
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split() == [
        "tenant",
        "calls",
        "input",
        "cached",
        "input",
        "output",
        "cost",
        "share",
        "without",
        "price",
    ]
    assert [row.split() for row in rows] == [
        ["(none)", "1", "10", "0", "5", "$0.2500", "50.0%"],
        ["acme", "1", "10", "0", "5", "$0.2500", "50.0%"],
        ["total", "2", "20", "0", "10", "$0.5000", "100.0%"],
    ]


def test_that_nothing_was_spent_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    show(Output(), sums().rows(), sums().total(), "model", plot=True)
    assert capsys.readouterr().out == "nothing was spent\n"
