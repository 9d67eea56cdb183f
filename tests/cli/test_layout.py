from __future__ import annotations

import pytest
from rich.cells import cell_len

from app.cli.layout import Table, wrap

COLUMNS = ("id", "status", "accepted", "cost", "note")
ROWS = [
    ("a-1", "succeeded", "2026-11-24", "$1", ""),
    ("任务-😀", "failed", "2026-11-25", "$10", "it said no and no again"),
]


def _lines(width: int | None, **options: object) -> tuple[list[str], list[str]]:
    table = Table(COLUMNS, ROWS, keep=("status",), prose=("note",), **options)  # type: ignore[arg-type]
    return [line for line, _ in table.lines(width)], table.left_out


def test_without_a_terminal_the_table_is_as_it_is() -> None:
    lines, left_out = _lines(None)
    assert lines == [
        "id       status     accepted    cost  note",
        "a-1      succeeded  2026-11-24  $1",
        "任务-😀  failed     2026-11-25  $10   it said no and no again",
    ]
    assert left_out == []


def test_prose_is_wrapped_before_columns_are_left_out() -> None:
    table = Table(("id", "note"), [("a", "one two three four five six seven")], prose=("note",))
    assert [line for line, _ in table.lines(30)] == ["id  note", "a   one two three four five", "    six seven"]
    assert table.left_out == []


@pytest.mark.parametrize(
    ("width", "left_out"), [(61, []), (40, ["note"]), (33, ["note", "cost"]), (20, ["note", "cost", "accepted"])]
)
def test_columns_are_left_out_from_the_last_on(width: int, left_out: list[str]) -> None:
    lines, left = _lines(width)
    assert left == left_out
    assert all(cell_len(line) <= width for line in lines)


def test_columns_that_matter_less_go_first() -> None:
    assert _lines(50, expendable=("accepted", "cost"))[1] == ["accepted"]


def test_columns_without_anything_in_them_go_before_all_others() -> None:
    table = Table(
        ("id", "cost", "tokens", "note"), [("a-1", "", "12", "x"), ("a-2", "", "7", "")], expendable=("tokens",)
    )
    assert [line for line, _ in table.lines(20)] == ["id   tokens  note", "a-1  12      x", "a-2  7"]
    assert table.left_out == ["cost"]


@pytest.mark.parametrize("width", [1, 5, 11, 19])
def test_what_is_to_be_kept_stays_whole_however_narrow_it_is(width: int) -> None:
    lines, left_out = _lines(width)
    assert [line.split() for line in lines] == [["id", "status"], ["a-1", "succeeded"], ["任务-😀", "failed"]]
    assert left_out == ["note", "cost", "accepted"]


def test_numbers_are_right_aligned_and_cells_may_have_lines() -> None:
    table = Table(("n", "text"), [("1", "a\nb"), ("10", "c")], right=(0,))
    assert [line for line, _ in table.lines(None)] == [" n  text", " 1  a", "    b", "10  c"]


def test_a_name_that_is_too_long_does_not_push_the_others_away() -> None:
    table = Table(("id", "status"), [("a", "failed"), ("b" * 30, "failed")], keep=("status",))
    assert [line for line, _ in table.lines(20)] == [
        "id            status",
        "a             failed",
        "b" * 30 + "  failed",
    ]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", [""]),
        ("one two", ["one two"]),
        ("  one two three", ["  one two", "  three"]),
        ("a-word-that-is-too-long b", ["a-word-that-is-too-long", "b"]),
        ("任务任务 任务", ["任务任务", "任务"]),
        ("one  two  three", ["one  two", "three"]),
    ],
)
def test_lines_are_wrapped_between_words_and_keep_their_indent(text: str, lines: list[str]) -> None:
    assert wrap(text, 10) == lines
