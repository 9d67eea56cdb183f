from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import ConfigurationError
from app.retrieval.chunking.chunker import chunk_document
from app.retrieval.chunking.document_text import DocumentText
from topics.documents import Document
from topics.retrieval_results import Chunk


def chunks(text: str, *, words: int = 50, overlap: int = 0, plain: bool = False) -> list[Chunk]:
    document = Document(id="guide", text=text, source="guide.md", format="text" if plain else "markdown")
    return chunk_document(document, words=words, overlap=overlap)


def numbered(count: int) -> str:
    return " ".join(f"w{number}" for number in range(count))


def test_a_chunk_says_where_it_comes_from() -> None:
    (chunk,) = chunks("# Guide\n\n## Install\n\nRun pip.\n")
    assert chunk == Chunk(
        id=chunk.id,
        document_id="guide",
        source="guide.md",
        heading="Guide > Install",
        lines=(1, 5),
        text="Run pip.",
        position=0,
        section=0,
        span=(21, 29),
    )


def test_an_id_stays_as_long_as_what_is_in_the_chunk_does() -> None:
    before = chunks("# A\n\none\n\n# B\n\ntwo\n\n# B\n\ntwo")
    after = chunks("new\n\n# A\n\none\n\n# B\n\nother\n\n# B\n\ntwo")
    assert len({chunk.id for chunk in before}) == 3
    assert [chunk.id for chunk in after if chunk.text in {"one", "two"}] == [before[0].id, before[1].id]
    assert after[0].id not in {chunk.id for chunk in before}


def test_chunks_of_one_section_say_so() -> None:
    found = chunks("# A\n\n" + "\n\n".join(numbered(4) for _ in range(3)) + "\n\n# B\n\nend", words=5)
    assert [(chunk.section, chunk.position) for chunk in found] == [(0, 0), (0, 1), (0, 2), (1, 3)]


def test_the_source_is_the_id_when_absent() -> None:
    (chunk,) = chunk_document(Document(id="a", text="b"), words=5, overlap=0)
    assert chunk.source == "a"


@pytest.mark.parametrize("text", ["", "\n", " \r\n\t\n", "\u3000"])
def test_nothing_visible_gives_no_chunk(text: str) -> None:
    assert chunks(text) == []
    assert chunks(text, plain=True) == []


def test_only_headings_are_chunks_without_repeating_themselves() -> None:
    found = chunks("# A\n## B\n## C")
    assert [(chunk.heading, chunk.text, chunk.lines) for chunk in found] == [
        ("A", "## B", (1, 2)),
        ("A", "## C", (3, 3)),
    ]


def test_paragraphs_fill_a_chunk_and_are_not_torn() -> None:
    found = chunks("one two\nthree\n\nfour five\n\nsix", words=5)
    assert [chunk.text for chunk in found] == ["one two\nthree\n\nfour five", "six"]
    assert [chunk.lines for chunk in found] == [(1, 4), (6, 6)]


def test_plain_text_is_cut_at_paragraphs_and_knows_no_headings() -> None:
    found = chunks("# one\ntwo\n\nthree four", words=3, plain=True)
    assert [(chunk.heading, chunk.text) for chunk in found] == [("", "# one\ntwo"), ("", "three four")]


def test_crlf_has_the_same_chunks_as_lf() -> None:
    text = "# A\n\none two\nthree\n\n```\ncode\n```\n"
    assert chunks(text.replace("\n", "\r\n"), words=4) == chunks(text, words=4)


def test_a_fence_that_fits_is_whole() -> None:
    found = chunks("one two three\n\n```py\na\n\nb\n```\n\nfour", words=5)
    assert [chunk.text for chunk in found] == ["one two three", "```py\na\n\nb\n```\n\nfour"]


def test_a_fence_larger_than_a_chunk_is_split_on_lines() -> None:
    found = chunks("```\n" + "\n".join(f"call {number}" for number in range(6)) + "\n```", words=5)
    assert [chunk.text for chunk in found] == [
        "```\ncall 0\ncall 1",
        "call 2\ncall 3",
        "call 4\ncall 5\n```",
    ]


def test_indentation_survives() -> None:
    found = chunks("- one two\n  - three four\n  - five six", words=4)
    assert [chunk.text for chunk in found] == ["- one two", "  - three four", "  - five six"]


def table(rows: int, cells: str = "part") -> str:
    return "| no | name |\n|---|---|\n" + "".join(f"| {number} | {cells} {number} |\n" for number in range(1, rows + 1))


def test_the_chunks_of_a_table_begin_with_a_row_and_know_their_columns() -> None:
    first, *others = chunks(f"# Parts\n\nAll of them.\n\n{table(120)}\nThe end.", words=60, overlap=10)
    assert first.header is None
    assert first.text.startswith("All of them.\n\n| no | name |\n|---|---|\n| 1 | part 1 |\n")
    assert len(others) > 10
    for chunk in others:
        assert chunk.header == "| no | name |"
        assert re.match(r"\| \d+ \| part \d+ \|\n", chunk.text)
        assert DocumentText(f"{chunk.header}\n{chunk.text}").words(0, 10_000) <= 60
    found = "\n".join(chunk.text for chunk in (first, *others))
    assert all(f"| {number} | part {number} |" in found for number in range(1, 121))


def test_a_table_that_fits_is_whole() -> None:
    found = chunks(f"{numbered(40)}\n\n{table(5)}", words=50, overlap=5)
    assert [chunk.text for chunk in found] == [
        numbered(40),
        f"{' '.join(numbered(40).split()[-5:])}\n\n{table(5)}".rstrip(),
    ]
    assert [chunk.header for chunk in found] == [None, None]


def test_an_overlap_repeats_whole_rows_only() -> None:
    found = chunks(table(9), words=24, overlap=8)
    assert [chunk.text.count("\n") + 1 for chunk in found] == [5, 3, 3, 3]
    assert found[0].text.splitlines()[-1] == found[1].text.splitlines()[0]


def test_a_row_longer_than_a_chunk_is_split_between_cells_and_keeps_the_header() -> None:
    found = chunks(f"| a | b |\n|---|---|\n| 1 | 2 |\n| {numbered(12)} | {numbered(9)} |\n| 3 | 4 |\n", words=20)
    assert [(chunk.header, chunk.text) for chunk in found] == [
        (None, "| a | b |\n|---|---|\n| 1 | 2 |"),
        ("| a | b |", f"| {numbered(12)} |"),
        ("| a | b |", f"{numbered(9)} |\n| 3 | 4 |"),
    ]


def test_a_header_takes_at_most_half_of_a_chunk() -> None:
    names = " | ".join(f"name{number}" for number in range(20))
    found = chunks(f"| {names} |\n|{'-|' * 20}\n" + "| 1 | 2 |\n" * 30, words=20)
    headers = {chunk.header for chunk in found[3:]}
    assert headers == {"| name0 | name1 | name2 | name3 | name4"}
    assert all(set(chunk.text.splitlines()) == {"| 1 | 2 |"} for chunk in found[4:])


@pytest.mark.parametrize(
    ("text", "plain", "header", "row"),
    [
        ("id,name,price\n" + "".join(f"{n},part {n},9\n" for n in range(60)), True, "id,name,price", r"\d+,part \d+,9"),
        (
            "```csv\nid,name\n" + "".join(f"{n},part {n}\n" for n in range(60)) + "```",
            False,
            "id,name",
            r"\d+,part \d+",
        ),
        ("id\tname\n" + "".join(f"{n}\tpart {n}\n" for n in range(60)), True, "id\tname", r"\d+\tpart \d+"),
        (
            "<table><tr><th>id</th><th>name</th></tr>"
            + "".join(f"<tr><td>{n}</td><td>part {n}</td></tr>" for n in range(60))
            + "</table>",
            False,
            "<tr><th>id</th><th>name</th></tr>",
            r"<tr><td>\d+</td><td>part \d+</td></tr>.*",
        ),
        (
            "+----+----+\n| id | x  |\n+====+====+\n"
            + "".join(f"| {n:2} | y  |\n|    | z  |\n+----+----+\n" for n in range(60)),
            True,
            "| id | x  |",
            r"\| .\d \| y  \|",
        ),
        ("- first\n" + "".join(f"- item {n} of many\n" for n in range(60)), False, None, r"- item \d+ of many"),
        ("* first\n" + "".join(f"* item {n} of many\n" for n in range(60)), True, None, r"\* item \d+ of many"),
    ],
)
def test_whatever_has_rows_is_split_between_them(text: str, plain: bool, header: str | None, row: str) -> None:  # noqa: FBT001  # a parameter of the test
    found = chunks(text, words=24, overlap=6, plain=plain)
    assert len(found) > 4
    for chunk in found[1:]:
        assert chunk.header == header
        assert re.fullmatch(row, chunk.text.splitlines()[0])


def test_a_long_line_is_split_after_sentences() -> None:
    found = chunks("One two three. Four five six! Seven eight.", words=6)
    assert [chunk.text for chunk in found] == ["One two three. Four five six!", "Seven eight."]
    assert {chunk.lines for chunk in found} == {(1, 1)}


def test_a_sentence_longer_than_a_chunk_is_split_between_words() -> None:
    assert [chunk.text for chunk in chunks(numbered(7), words=3)] == ["w0 w1 w2", "w3 w4 w5", "w6"]


def test_a_script_without_spaces_is_bounded_too() -> None:
    found = chunks("設定を変える。" * 20, words=30)
    assert len(found) > 4
    assert max(len(chunk.text) for chunk in found) <= 30


@pytest.mark.parametrize(
    "text",
    [
        "ภาษาไทยไม่มีช่องว่างระหว่างคำ" * 9,
        "ខ្ញុំស្រលាញ់ភាសាខ្មែរ។" * 9,
        "दान देना अच्छा काम है। " * 40,
        "မြန်မာစာ၊ စာပေ။" * 20,
        "e\u0301" * 4000,
    ],
)
def test_no_chunk_begins_with_a_mark(text: str) -> None:
    found = chunks(text, words=30, overlap=7)
    assert len(found) > 3
    assert not any(unicodedata.category(chunk.text[0]).startswith("M") for chunk in found)


def test_overlap_repeats_the_end_of_what_came_before() -> None:
    first, second = chunks(f"{numbered(8)}\n\nnext one", words=8, overlap=3)
    assert first.text == numbered(8)
    assert second.text == "w5 w6 w7\n\nnext one"
    assert second.lines == (1, 3)


def test_overlap_never_starts_inside_code() -> None:
    found = chunks("one\n\n```\na b c d\n```\n\nfive six seven", words=8, overlap=4)
    assert [chunk.text for chunk in found] == ["one\n\n```\na b c d\n```", "five six seven"]


def test_overlap_does_not_cross_a_heading() -> None:
    found = chunks("# A\none two three\n# B\nfour", words=4, overlap=2)
    assert [chunk.text for chunk in found] == ["one two three", "four"]


def test_an_overlap_that_leaves_no_room_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="chunk_overlap"):
        chunks("x", words=5, overlap=5)


MARKDOWN = st.lists(
    st.sampled_from(
        [
            "",
            "# One",
            "## Two *b*",
            "###",
            "Title",
            "===",
            "---",
            "key: value",
            "```",
            "~~~py",
            "    indented",
            "- item",
            "  - nested item here",
            "1. first",
            "> quoted text",
            "> # quoted heading",
            "| a | b |",
            "|---|---|",
            "<div>",
            "</div>",
            "<table><tr><th>x y</th></tr><tr><td>1 2 3</td></tr>",
            "<tr><td>one two</td></tr>",
            "</table>",
            "> | q | r |",
            "> |---|---|",
            "```csv",
            "a,b,c",
            "1,2,3",
            "x\ty",
            "+---+---+",
            "+===+===+",
            "===  ===",
            "* starred item",
            "दान दिन। ภาษาไทย e\u0301\u0327 \u1112\u1161\u11ab",
            "<!-- comment",
            "[x]: http://x",
            "A sentence. Another one! And a third, which is longer?",
            "日本語の文章です。次の文。",
            "x" * 100,
            "\ttab\u00a0space",
            "\u2028",
        ]
    ),
    max_size=40,
)
TEXTS = MARKDOWN.flatmap(lambda lines: st.sampled_from(["\n", "\r\n", "\r"]).map(lambda end: end.join(lines)))


@settings(max_examples=300, deadline=None)
@given(text=TEXTS | st.text(max_size=300), words=st.integers(2, 30), overlap=st.integers(0, 10), plain=st.booleans())
def test_whatever_the_document(text: str, words: int, overlap: int, *, plain: bool) -> None:
    found = chunks(text, words=words, overlap=min(overlap, words - 1), plain=plain)
    source = DocumentText(text)

    assert len({chunk.id for chunk in found}) == len(found)
    assert [chunk.position for chunk in found] == list(range(len(found)))
    assert [chunk.section for chunk in found] == sorted(chunk.section or 0 for chunk in found)
    assert [source.text[slice(*chunk.span)] for chunk in found if chunk.span] == [chunk.text for chunk in found]
    assert all(1 <= chunk.lines[0] <= chunk.lines[1] <= len(source.lines) for chunk in found)
    assert [chunk.lines for chunk in found] == sorted(chunk.lines for chunk in found)

    covered = {line for chunk in found for line in range(chunk.lines[0], chunk.lines[1] + 1)}
    assert covered >= {number for number in range(1, len(source.lines) + 1) if not source.blank(number - 1)}

    for chunk in found:
        assert chunk.text.strip()
        assert chunk.text in "\n".join(source.lines[chunk.lines[0] - 1 : chunk.lines[1]])
        assert DocumentText(chunk.text).words(0, len(chunk.text)) <= words
        assert chunk.header is None or chunk.header.strip()


@settings(max_examples=300, deadline=None)
@given(text=TEXTS | st.text(max_size=300), words=st.integers(2, 30))
def test_without_overlap_all_that_is_visible_is_there_once_and_in_order(text: str, words: int) -> None:
    found = "".join(chunk.text for chunk in chunks(text, words=words, plain=True))
    assert "".join(found.split()) == "".join(text.split())


@settings(max_examples=200, deadline=None)
@given(text=TEXTS, words=st.integers(2, 30), overlap=st.integers(0, 10), plain=st.booleans())
def test_composed_and_decomposed_text_is_cut_at_the_same_places(
    text: str, words: int, overlap: int, *, plain: bool
) -> None:
    composed, decomposed = (
        chunks(unicodedata.normalize(form, text), words=words, overlap=min(overlap, words - 1), plain=plain)
        for form in ("NFC", "NFD")
    )
    assert [(one.lines, one.heading, unicodedata.normalize("NFC", one.text)) for one in decomposed] == [
        (one.lines, unicodedata.normalize("NFD", one.heading), one.text) for one in composed
    ]


@settings(deadline=None)
@given(text=TEXTS, words=st.integers(2, 30))
def test_without_overlap_nothing_is_said_twice(text: str, words: int) -> None:
    total = sum(len("".join(chunk.text.split())) for chunk in chunks(text, words=words))
    assert total <= len("".join(text.split()))
