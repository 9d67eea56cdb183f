from __future__ import annotations

import pytest

from app.retrieval.chunking import rows
from app.retrieval.chunking.document_text import DocumentText
from app.retrieval.chunking.rows import Row


def read(text: str, found: tuple[Row, ...]) -> list[tuple[str, str | None]]:
    """Return the text of each row, and that of its header."""
    source = DocumentText(text).text
    return [(source[row.start : row.end], row.header and source[slice(*row.header)]) for row in found]


def of_lines(text: str) -> list[tuple[str, str | None]]:
    source = DocumentText(text)
    return read(text, rows.of_lines(source, 0, len(source.lines) - 1))


def of_html(text: str) -> list[tuple[str, str | None]]:
    source = DocumentText(text)
    return read(text, rows.of_html(source, 0, len(source.lines) - 1))


def test_a_markdown_table_begins_with_its_header_and_one_row() -> None:
    text = "| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |"
    assert read(text, rows.of_table(DocumentText(text), 0, 3)) == [
        ("| a | b |\n|---|---|\n| 1 | 2 |", "| a | b |"),
        ("| 3 | 4 |", "| a | b |"),
    ]


def test_a_markdown_table_may_have_no_row() -> None:
    text = "| a |\n|---|"
    assert read(text, rows.of_table(DocumentText(text), 0, 1)) == [(text, "| a |")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "> | a | b |\n> |:--|--:|\n> | 1 | 2 |\n> | 3 | 4 |",
            [("> | a | b |\n> |:--|--:|\n> | 1 | 2 |", "> | a | b |"), ("> | 3 | 4 |", "> | a | b |")],
        ),
        ("| 1 | 2 |\n| 3 | 4 |", [("| 1 | 2 |", None), ("| 3 | 4 |", None)]),
        (
            "+---+---+\n| a | b |\n+===+===+\n| 1 | 2 |\n|   | x |\n+---+---+\n| 3 | 4 |\n+---+---+",
            [
                ("+---+---+\n| a | b |\n+===+===+\n| 1 | 2 |\n|   | x |\n+---+---+", "| a | b |"),
                ("| 3 | 4 |\n+---+---+", "| a | b |"),
            ],
        ),
        (
            "+---+---+\n| a | b |\n+---+---+\n| 1 | 2 |\n| 3 | 4 |\n+---+---+",
            [
                ("+---+---+\n| a | b |\n+---+---+\n| 1 | 2 |", "| a | b |"),
                ("| 3 | 4 |\n+---+---+", "| a | b |"),
            ],
        ),
        (
            " a | b\n---+---\n 1 | 2\n 3 | 4\n(2 rows)",
            [(" a | b\n---+---\n 1 | 2", " a | b"), (" 3 | 4", " a | b"), ("(2 rows)", " a | b")],
        ),
        (
            "===  ===\na    b\n===  ===\n1    2\n3    4\n===  ===",
            [("===  ===\na    b\n===  ===\n1    2", "a    b"), ("3    4\n===  ===", "a    b")],
        ),
        (
            'id,name,price\n1,"nut, round",2\n2,bolt,3\n3,nail,1',
            [
                ('id,name,price\n1,"nut, round",2', "id,name,price"),
                ("2,bolt,3", "id,name,price"),
                ("3,nail,1", "id,name,price"),
            ],
        ),
        ("a\tb\n1\t2\n3\t4\n5\t6", [("a\tb\n1\t2", "a\tb"), ("3\t4", "a\tb"), ("5\t6", "a\tb")]),
        ("1\t2\n3\t4\n5\t6\n7\t8", [("1\t2", None), ("3\t4", None), ("5\t6", None), ("7\t8", None)]),
        (
            "id, name, price\n" + "\n".join(f"{number}, bolt, 2" for number in range(7)),
            [
                ("id, name, price\n0, bolt, 2", "id, name, price"),
                *((f"{number}, bolt, 2", "id, name, price") for number in range(1, 7)),
            ],
        ),
        ("- one\n  more\n- two\n* three", [("- one\n  more", None), ("- two", None), ("* three", None)]),
        ("1. one\n2) two", [("1. one", None), ("2) two", None)]),
    ],
)
def test_lines_that_are_a_table_or_a_list(text: str, expected: list[tuple[str, str | None]]) -> None:
    assert of_lines(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "one line",
        "| one line |",
        "Red, green, and blue are colours,\nsweet, sour, and salt are tastes,\nlow, high, and loud are tones,\na, b, c",
        "a,b,c\n1,2,3\n4,5\n6,7,8",
        "+---+\nnot closed",
        "text\n- one\n- two",
        "- a single item\nthat goes on",
    ],
)
def test_other_lines_have_no_rows(text: str) -> None:
    assert of_lines(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "<table><thead><tr><th>a</th></tr></thead><tbody><tr><td>1</td></tr><tr><td>2</td></tr></tbody></table>",
            [
                ("<table><thead><tr><th>a</th></tr></thead><tbody><tr><td>1</td></tr>", "<tr><th>a</th></tr>"),
                ("<tr><td>2</td></tr></tbody></table>", "<tr><th>a</th></tr>"),
            ],
        ),
        (
            "<TABLE>\n<TR><TH>a\n<TR><TD>1\n<TR><TD>2\n</TABLE>",
            [("<TABLE>\n<TR><TH>a\n<TR><TD>1", "<TR><TH>a\n"), ("<TR><TD>2\n</TABLE>", "<TR><TH>a\n")],
        ),
        (
            "<table><tr><th>a</th><td>1</td></tr><tr><th>b</th><td>2</td></tr></table>",
            [("<table><tr><th>a</th><td>1</td></tr>", None), ("<tr><th>b</th><td>2</td></tr></table>", None)],
        ),
        (
            "<table><tr><th>a</th></tr></table>\n<table><tr><td>1</td></tr><tr><td>2</td></tr></table>",
            [
                ("<table><tr><th>a</th></tr></table>", "<tr><th>a</th></tr></table>\n"),
                ("<table><tr><td>1</td></tr>", None),
                ("<tr><td>2</td></tr></table>", None),
            ],
        ),
        ("<div><trap>no table</trap></div>", []),
    ],
)
def test_html_tables(text: str, expected: list[tuple[str, str | None]]) -> None:
    assert of_html(text) == expected


@pytest.mark.parametrize(("info", "count"), [("csv", 2), ("CSV header", 2), ("tsv", 2), ("python", 0), ("", 0)])
def test_a_fence_of_values_has_rows(info: str, count: int) -> None:
    source = DocumentText(f"```{info}\na,b\n1,2\n3,4\n```")
    found = rows.of_fence(source, 0, 4, info)
    assert len(found) == count
    assert all(source.text[slice(*row.header)] == "a,b" for row in found if row.header)
