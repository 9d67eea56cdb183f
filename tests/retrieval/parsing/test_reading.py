from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from app.errors import UnreadableDocument
from app.retrieval.chunking.chunker import chunk_document
from app.retrieval.parsing.formats import MEDIA_TYPES, media_type_of, reading_of
from app.retrieval.parsing.parsed import ParsedDocument
from app.retrieval.parsing.reading import ReadingLimits, read_document
from topics.documents import Document

FILES = Path(__file__).with_name("files")
LIMITS = ReadingLimits(pages=100, cells=1000, characters=100_000)


def read(name: str, limits: ReadingLimits = LIMITS) -> ParsedDocument:
    return read_document((FILES / name).read_bytes(), media_type_of(name) or "", limits)


def text(data: bytes, media_type: str) -> str:
    return read_document(data, media_type, LIMITS).text


def test_every_ending_has_a_reading() -> None:
    assert all(reading_of(media_type) for media_type in MEDIA_TYPES.values())
    assert reading_of("text/html; charset=utf-8") == "library"
    assert reading_of("text/x-unheard-of") == "text"
    assert reading_of("image/png") is None


def test_a_pdf_has_headings_and_pages() -> None:
    parsed = read("manual.pdf")
    found = chunk_document(Document(id="m"), parsed, words=60, overlap=0)
    assert [(one.heading, one.pages) for one in found] == [
        (f"Chapter {number}", (number, number)) for number in (1, 1, 2, 2, 3, 3)
    ]
    assert "turbine must be serviced" in found[0].text


def test_a_table_of_a_pdf_is_a_table() -> None:
    assert "| bolt | 0.10 | 500 |" in read("table.pdf").text


def test_a_word_file_has_sections_lists_and_tables() -> None:
    found = chunk_document(Document(id="h"), read("handbook.docx"), words=40, overlap=0)
    travel = next(one for one in found if one.heading == "Travel")
    assert "- First\n- Second" in travel.text
    assert "| Köln | 90 |" in travel.text
    assert "Food" in {one.heading for one in found}
    assert {one.pages for one in found} == {None}  # only a printer knows


def test_slides_are_numbered_and_have_their_notes() -> None:
    found = chunk_document(Document(id="d"), read("deck.pptx"), words=40, overlap=0)
    assert [(one.heading, one.pages, "Note" in one.text) for one in found] == [
        (f"Slide title {number}", (number, number), True) for number in (1, 2, 3)
    ]


def test_the_rows_of_sheets_have_their_cells_and_the_header_of_the_table() -> None:
    found = chunk_document(Document(id="b"), read("book.xlsx"), words=60, overlap=0)
    sales = [one for one in found if one.heading == "Sales"]
    assert [one.cells for one in sales] == [
        "Sales!A1:C7",
        "Sales!A8:C14",
        "Sales!A15:C21",
        "Sales!A22:C28",
        "Sales!A29:C31",
    ]
    assert sales[1].text.startswith("| R6 | Q3 | 6003 |")
    assert {one.header for one in sales[1:]} == {"| Region | Quarter | Revenue |"}
    (staff,) = (one for one in found if one.heading == "Staff")
    assert (staff.cells, "| x\\|y |" in staff.text, "2020-05-01" in staff.text) == ("Staff!B3:C5", True, True)


def test_a_book_has_chapters_and_a_mail_its_attachment() -> None:
    assert "# Chap 2\n\nIt was chapter 2." in read("book.epub").text
    mail = read("mail.eml").text
    assert all(part in mail for part in ("Prüfung", "The test is on", "attached text"))


def test_html_is_read_without_scripts_in_its_encoding() -> None:
    page = (
        "<html><head><script>evil()</script></head><body><h1>Größe</h1><p>Süß ist groß, und öde ist klein.</p></body>"
    )
    assert text(page.encode("cp1252"), "text/html") == "# Größe\n\nSüß ist groß, und öde ist klein.\n"


def test_a_declared_encoding_counts() -> None:
    said = '<meta charset="iso-8859-5"><p>Привет</p>'
    assert text(said.encode("iso-8859-5"), "text/html").strip() == "Привет"
    assert text("Ж".encode("koi8-r"), 'text/plain; Charset="KOI8-R"') == "Ж"
    assert text(b"plain", "text/plain; charset=unheard-of") == "plain"


def test_values_that_are_separated_are_a_table_with_the_rows_of_the_file() -> None:
    lines = ["id;Straße"] + [f'{number};"Weg {number}; links"' for number in range(30)]
    parsed = read_document("\r\n".join(lines).encode("cp1252"), "text/csv", LIMITS)
    found = chunk_document(Document(id="c"), parsed, words=60, overlap=0)
    assert found[0].text.startswith("| id | Straße |\n| --- | --- |\n| 0 | Weg 0; links |")
    assert (found[0].cells, found[1].cells, found[1].header) == ("A1:B8", "A9:B15", "| id | Straße |")


def test_json_has_a_section_for_each_item() -> None:
    lines = text(b'{"a": 1}\n{"a": 2}\n', "application/x-ndjson")
    assert "# Item 2\n\na: 2" in lines
    assert "## Item 1" in text(b'{"parts": [{"name": "bolt"}]}', "application/json")


def test_what_is_no_json_is_text_with_a_note() -> None:
    parsed = read_document(b'{"a": ', "application/json", LIMITS)
    assert parsed.text.strip() == '{"a":'
    assert "extracted as plain text" in parsed.notes[0]


def test_code_is_cut_at_its_definitions() -> None:
    first = "@cached\ndef first(a):\n    return a"
    source = f"import os\n\n\n{first}\n\n\nclass Other:\n    x = 1\n\n    def run(self):\n        pass\n".encode()
    found = chunk_document(Document(id="c"), read_document(source, "text/x-python", LIMITS), words=50, overlap=0)
    assert [(one.heading, one.lines) for one in found] == [
        ("", (1, 1)),
        ("def first(a)", (4, 6)),
        ("class Other", (9, 13)),
    ]
    assert found[1].text == first


@pytest.mark.parametrize(
    ("data", "lost"), [(b"na\xc3\xafve caf\xc3\xa9 \xff!", 1), ("Größe".encode(), 0), (b"\xff\xfea\0\x00\xd8", 1)]
)
def test_lost_characters_are_counted(data: bytes, lost: int) -> None:
    parsed = read_document(data, "text/plain", LIMITS)
    assert (parsed.lost, parsed.text.count("\ufffd")) == (lost, lost)


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("cp1252", "Größe"),
        ("cp1252", "Die Größe der Straße ist schön, und die Tür ist über der Brücke."),
        ("utf-16", "Привет, мир"),
        ("utf-8-sig", "naïve"),
        ("shift_jis", "これは日本語のテキストです。文字コードの判定を確認します。"),
        ("koi8-r", "Съешь ещё этих мягких французских булок, да выпей чаю, пожалуйста."),
    ],
)
def test_encodings_are_detected(encoding: str, said: str) -> None:
    assert text(said.encode(encoding), "text/plain") == said


@pytest.mark.parametrize(
    ("name", "limits", "complaint"),
    [
        ("manual.pdf", {"pages": 2}, "too many pages: 3"),
        ("book.xlsx", {"cells": 20}, "more than 20 cells"),
        ("handbook.docx", {"characters": 20}, "characters of text, and 20 are allowed"),
        ("encrypted.pdf", {}, "requires a password"),
    ],
)
def test_what_goes_beyond_a_limit_is_refused(name: str, limits: dict[str, int], complaint: str) -> None:
    with pytest.raises(UnreadableDocument, match=complaint):
        read(name, LIMITS.model_copy(update=limits))


@pytest.mark.parametrize("media_type", ["application/pdf", MEDIA_TYPES[".docx"], MEDIA_TYPES[".xlsx"]])
def test_what_is_of_another_format_than_it_claims_is_refused(media_type: str) -> None:
    with pytest.raises(UnreadableDocument):
        read_document(b"PK\x03\x04 something else", media_type, LIMITS)


def test_an_unknown_format_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(UnreadableDocument, match=r"image/png: cannot be read; what can ends in .*\.pdf"):
        read_document(b"", "image/png", LIMITS)


def test_a_zip_bomb_is_refused() -> None:
    with pytest.raises(UnreadableDocument, match="bomb"):
        read_document(bomb(), MEDIA_TYPES[".docx"], LIMITS)


def bomb() -> bytes:
    """Return a Word file of a few kilobytes of which each part with a word in it has five megabytes."""
    data = io.BytesIO()
    with zipfile.ZipFile(FILES / "handbook.docx") as good, zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as made:
        for name in good.namelist():
            with made.open(name, "w", force_zip64=True) as part:
                part.write(good.read(name).replace(b"Trains", b"<!--" + b" " * 5_000_000 + b"-->"))
    return data.getvalue()
