from __future__ import annotations

from app.retrieval.chunking.document_text import DocumentText
from app.retrieval.chunking.outline import Block, Section, of_markdown, of_text


def outline(text: str) -> list[Section]:
    return of_markdown(DocumentText(text))


def paths(text: str) -> list[str]:
    return [section.path for section in outline(text)]


def test_text_is_one_section_of_paragraphs() -> None:
    assert of_text(DocumentText("\none\ntwo\n\nthree\n")) == [Section("", 1, (Block(1, 2), Block(4, 4)))]


def test_text_without_anything_visible_has_no_section() -> None:
    assert of_text(DocumentText(" \n\t\n")) == []


def test_a_path_names_every_heading_above() -> None:
    assert paths("# Guide\nintro\n## Install\npip\n### Windows\nexe\n## Use\nrun\n# Other\nend") == [
        "Guide",
        "Guide > Install",
        "Guide > Install > Windows",
        "Guide > Use",
        "Other",
    ]


def test_a_section_covers_the_headings_right_above_it() -> None:
    assert outline("# Guide\n\n## Install\n\npip") == [Section("Guide > Install", 0, (Block(4, 4),))]


def test_text_before_the_first_heading_has_no_path() -> None:
    assert outline("\nhello\n# A\nb")[0] == Section("", 1, (Block(1, 1),))


def test_setext_headings_count() -> None:
    assert outline("Guide\n=====\n\nInstall\n-------\npip") == [Section("Guide > Install", 0, (Block(5, 5),))]


def test_a_heading_without_a_body_stands_for_itself() -> None:
    assert outline("# Guide\n## Empty\n## Next\nx") == [
        Section("Guide", 0, (Block(1, 1),)),
        Section("Guide > Next", 2, (Block(3, 3),)),
    ]


def test_only_headings() -> None:
    assert outline("# A\n## B") == [Section("A", 0, (Block(1, 1),))]


def test_markup_in_a_heading_is_not_in_its_path() -> None:
    assert paths("# The `ask` *workflow* and [more](http://x)\nbody") == ["The ask workflow and more"]


def test_a_hash_inside_a_fence_is_no_heading() -> None:
    assert outline("# A\n```sh\n# comment\n```") == [Section("A", 0, (Block(1, 3, whole=True),))]


def test_an_unclosed_fence_runs_to_the_end() -> None:
    assert outline("# A\n```\ncode\n\n# not a heading") == [Section("A", 0, (Block(1, 4, whole=True),))]


def test_a_fence_in_a_list_stays_whole_and_so_do_items() -> None:
    (section,) = outline("- first\n\n  ```\n  a\n\n  b\n  ```\n- second")
    assert section.blocks == (Block(0, 0, whole=True), Block(2, 6, whole=True), Block(7, 7, whole=True))


def test_a_table_is_a_block_with_rows() -> None:
    (section,) = outline("| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n\n[x]: http://x\n\n***")
    table, *others = section.blocks
    assert (table.first, table.last, table.whole, len(table.rows)) == (0, 3, True, 2)
    assert others == [Block(line, line) for line in (5, 7)]


def test_a_table_in_a_list_and_one_in_a_quote_have_rows() -> None:
    in_list, in_quote = outline("- x\n\n  | a |\n  |---|\n  | 1 |\n  | 2 |\n\n> | a |\n> |---|\n> | 1 |\n> | 2 |")[
        0
    ].blocks[1:]
    assert [len(block.rows) for block in (in_list, in_quote)] == [2, 2]


def test_blank_lines_do_not_end_an_html_table() -> None:
    (section,) = outline(
        "<table>\n<tr><th>a</th></tr>\n\n<tr><td>1</td></tr>\n\n<tr><td>2</td></tr>\n</table>\n\n<p>x</p>"
    )
    table, after = section.blocks
    assert (table.first, table.last, len(table.rows)) == (0, 6, 2)
    assert after == Block(8, 8)


def test_a_table_that_never_ends_takes_nothing_else_along() -> None:
    (section,) = outline("<table>\n<tr><td>1</td></tr>\n\ntext\n\n<tr><td>2</td></tr>")
    assert [(block.first, block.last) for block in section.blocks] == [(0, 1), (3, 3), (5, 5)]


def test_a_heading_in_a_quote_opens_no_section() -> None:
    assert paths("# A\n> # B\n> text") == ["A"]


def test_front_matter_is_neither_rule_nor_heading() -> None:
    first, second = outline("---\ntitle: x\n---\n# A\nb")
    assert (first.path, first.first, first.blocks[-1]) == ("", 0, Block(2, 2))
    assert second == Section("A", 3, (Block(4, 4),))


def test_a_rule_at_the_top_is_not_front_matter() -> None:
    assert paths("---\n\n# A\nb\n\n---\n") == ["", "A"]


def test_front_matter_without_an_end_is_ordinary_text() -> None:
    assert paths("---\nkey: x\n# A\nb") == ["", "A"]


def test_an_empty_document_has_no_section() -> None:
    assert outline("") == []


def test_a_quote_above_a_rule_is_no_heading() -> None:
    assert [section.path for section in of_markdown(DocumentText("> quoted\n---\ntext"))] == [""]


def test_a_title_without_end_is_taken_as_it_is() -> None:
    assert of_markdown(DocumentText("# " + "*a " * 300 + "\n\ntext"))[0].path.startswith("*a *a")
