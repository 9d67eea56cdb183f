from __future__ import annotations

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
        id="guide#0",
        document_id="guide",
        source="guide.md",
        heading="Guide > Install",
        lines=(1, 5),
        text="Run pip.",
    )


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


def test_a_table_is_split_between_rows() -> None:
    found = chunks("| a | b |\n|---|---|\n" + "| 1 | 2 |\n" * 4, words=11)
    assert all(line.startswith("|") and line.endswith("|") for chunk in found for line in chunk.text.splitlines())
    assert len(found) == 3


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

    assert [chunk.id for chunk in found] == [f"guide#{number}" for number in range(len(found))]
    assert all(1 <= chunk.lines[0] <= chunk.lines[1] <= len(source.lines) for chunk in found)
    assert [chunk.lines for chunk in found] == sorted(chunk.lines for chunk in found)

    covered = {line for chunk in found for line in range(chunk.lines[0], chunk.lines[1] + 1)}
    assert covered >= {number for number in range(1, len(source.lines) + 1) if not source.blank(number - 1)}

    for chunk in found:
        assert chunk.text.strip()
        assert chunk.text in "\n".join(source.lines[chunk.lines[0] - 1 : chunk.lines[1]])
        assert DocumentText(chunk.text).words(0, len(chunk.text)) <= words


@settings(deadline=None)
@given(text=TEXTS, words=st.integers(2, 30))
def test_without_overlap_nothing_is_said_twice(text: str, words: int) -> None:
    source = DocumentText(text)
    total = sum(DocumentText(chunk.text).words(0, len(chunk.text)) for chunk in chunks(text, words=words))
    assert total <= source.words(0, len(source.text))
