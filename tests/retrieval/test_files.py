from __future__ import annotations

import os
import sys
from base64 import b64decode
from pathlib import Path

import pytest

from app.errors import ConfigurationError
from app.retrieval.files import MAX_TEXT_BYTES, read_documents


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    for name in ("b.md", "a.TXT", "sub/deep/c.rst", "sub/d.markdown", ".hidden/e.md", ".f.md", "picture.png"):
        file = tmp_path / "docs" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"text of {name}")
    return tmp_path / "docs"


def ids(*paths: Path, root: Path | None = None) -> list[str]:
    return [document.id for document in read_documents(paths, root)]


def test_a_folder_is_read_recursively_in_order(docs: Path) -> None:
    found = list(read_documents([docs], docs))
    assert [(document.id, document.format) for document in found] == [
        ("a.TXT", "text"),
        ("b.md", "markdown"),
        ("sub/d.markdown", "markdown"),
        ("sub/deep/c.rst", "text"),
    ]
    assert all(document.source == document.id for document in found)
    assert found[1].text == "text of b.md"


def test_ids_are_relative_to_the_root(docs: Path) -> None:
    assert ids(docs / "sub", root=docs.parent) == ["docs/sub/d.markdown", "docs/sub/deep/c.rst"]


def test_without_a_root_ids_are_relative_to_the_working_directory(docs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(docs.parent)
    assert ids(Path("docs/b.md")) == ids(Path("docs/sub/../b.md")) == ids(docs / "b.md") == ["docs/b.md"]
    monkeypatch.chdir(docs)
    assert ids(Path("b.md")) == ["b.md"]


def test_outside_of_the_working_directory_ids_are_relative_to_what_is_given(
    docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert ids(docs / "sub") == ["d.markdown", "deep/c.rst"]
    assert ids(docs / "b.md") == ["b.md"]


def test_given_twice_is_read_once(docs: Path) -> None:
    assert ids(docs, docs / "b.md", root=docs).count("b.md") == 1


def test_two_files_with_the_same_id_are_refused(docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "readme.md").write_text(name)
    monkeypatch.chdir(docs)
    with pytest.raises(ConfigurationError, match=r"two/readme\.md and .*one/readme\.md would both have the id"):
        ids(tmp_path / "one", tmp_path / "two")


def test_outside_of_a_given_root_is_refused(docs: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"b\.md is not inside the root"):
        ids(docs / "b.md", root=docs / "sub")


@pytest.mark.parametrize(
    ("name", "complaint"),
    [("none.md", "does not exist"), ("picture.png", "must end in .md, .markdown, .txt, .rst, .pdf")],
)
def test_a_path_that_is_not_a_document_is_refused(docs: Path, name: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{name} .*{complaint}"):
        ids(docs / name)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        ("plain".encode("utf-16-le"), r"b\.md seems to be UTF-16 without a byte order mark: save it as UTF-8"),
        (b"\x7fELF binary \x00\x00", r"b\.md is not text: it has a NUL at byte 12"),
    ],
)
def test_what_is_no_text_is_refused(docs: Path, data: bytes, complaint: str) -> None:
    (docs / "b.md").write_bytes(data)
    with pytest.raises(ConfigurationError, match=complaint):
        ids(docs)


@pytest.mark.parametrize(
    ("name", "data", "media_type"),
    [
        ("b.md", "Grüße".encode("latin-1"), "text/markdown"),
        ("b.md", "Grüße".encode("utf-16"), "text/markdown"),
        ("b.txt", b"half \xed\xa0\x80", "text/plain"),
        ("b.txt", b"x" * (MAX_TEXT_BYTES + 1), "text/plain"),
        ("b.PDF", b"%PDF-1.7", "application/pdf"),
        ("b.csv", b"a,b", "text/csv"),
    ],
)
def test_what_is_no_short_text_in_utf8_is_data(docs: Path, name: str, data: bytes, media_type: str) -> None:
    (docs / name).write_bytes(data)
    (document,) = read_documents([docs / name], docs)
    assert (document.text, document.content_type) == ("", media_type)
    assert b64decode(document.data or "") == data


def test_source_code_and_json_are_read_only_if_they_are_named(docs: Path) -> None:
    (docs / "package.json").write_text("{}")
    (docs / "tool.py").write_text("def run(): ...")
    assert {"tool.py", "package.json"}.isdisjoint(ids(docs, root=docs))
    (document,) = read_documents([docs / "tool.py"], docs)
    assert (document.text, document.content_type) == ("def run(): ...", "text/x-python")


def test_all_that_is_bad_is_named_and_the_rest_is_read(docs: Path) -> None:
    (docs / "b.md").write_bytes(b"\0\0")
    (docs / "sub" / "d.markdown").write_bytes(b"half\0")
    (docs / "dangling.md").symlink_to(docs / "nowhere.md")
    bad: list[ConfigurationError] = []
    given = [docs / "none.md", docs, docs / "picture.png"]
    found = [document.id for document in read_documents(given, docs, on_bad=bad.append)]
    assert found == ["a.TXT", "sub/deep/c.rst"]
    named = [str(problem).removeprefix(f"{docs}/").split(" ")[0] for problem in bad]
    assert named == ["none.md", "b.md", "dangling.md", "sub/d.markdown", "picture.png"]


def test_a_name_that_is_no_id_is_refused(docs: Path) -> None:
    deep = docs.joinpath(*["x" * 200] * 3)
    deep.mkdir(parents=True)
    (deep / "a.md").write_text("text")
    with pytest.raises(ConfigurationError, match="longer than 500 characters"):
        ids(docs, root=docs)


@pytest.mark.skipif(sys.platform == "win32", reason="named pipes are POSIX")
def test_a_pipe_is_not_waited_for(docs: Path) -> None:
    os.mkfifo(docs / "pipe.md")
    bad: list[ConfigurationError] = []
    assert len(list(read_documents([docs], docs, on_bad=bad.append))) == 4
    assert [str(problem) for problem in bad] == [f"{docs / 'pipe.md'} is not a regular file"]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, names of files are text")
def test_a_name_that_is_not_utf8_is_refused(docs: Path) -> None:
    Path(os.fsdecode(os.fsencode(docs) + b"/caf\xe9.md")).write_text("text")
    with pytest.raises(ConfigurationError, match=r"caf\\udce9\.md' has a name that is not UTF-8: rename it"):
        ids(docs, root=docs)


def test_a_byte_order_mark_is_not_text(docs: Path) -> None:
    (docs / "b.md").write_bytes(b"\xef\xbb\xbf# A\r\n")
    (document,) = read_documents([docs / "b.md"])
    assert document.text == "# A\r\n"


def test_the_limit_is_inclusive(docs: Path) -> None:
    (docs / "b.md").write_text("12345")
    assert len(list(read_documents([docs / "b.md"], limit=5))) == 1
    with pytest.raises(ConfigurationError, match=r"b\.md is larger than 4 bytes"):
        list(read_documents([docs / "b.md"], limit=4))


def test_a_link_that_leads_nowhere_is_an_error(docs: Path) -> None:
    (docs / "dangling.md").symlink_to(docs / "nowhere.md")
    with pytest.raises(ConfigurationError, match=r"dangling\.md cannot be read"):
        ids(docs)


def test_links_to_folders_are_not_followed(docs: Path) -> None:
    (docs / "loop").symlink_to(docs, target_is_directory=True)
    assert len(ids(docs, root=docs)) == 4


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs a folder that cannot be read")
def test_a_folder_that_cannot_be_read_is_an_error(docs: Path) -> None:
    (docs / "sub").chmod(0)
    try:
        with pytest.raises(ConfigurationError, match="sub cannot be read"):
            ids(docs)
    finally:
        (docs / "sub").chmod(0o700)
