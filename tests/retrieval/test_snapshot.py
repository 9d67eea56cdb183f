from __future__ import annotations

import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.retrieval.snapshot import FORMAT, Snapshot, read, write
from topics.chunks import DocumentChunks, EmbeddedChunk
from topics.retrieval_results import Chunk

CHUNK = Chunk(id="a#0", document_id="a", source="a", lines=(1, 2), text="two\nlines\u2028\x85 and more")
PART = DocumentChunks(document_id="a", version="1", chunks=(EmbeddedChunk(chunk=CHUNK, embedding="AACAPw=="),))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "new" / "index"
    write(path, "hashing", {"0": 7}, [PART, PART])
    return path


def test_what_is_written_is_read(path: Path) -> None:
    assert read(path, "hashing") == Snapshot({"0": 7}, (PART, PART))


def test_what_was_written_before_there_were_tenants_is_everybodys(path: Path) -> None:
    write(path, "hashing", {"0": 7}, [PART.model_copy(update={"tenant": "acme", "allowed_roles": ()})])
    assert (found := read(path, "hashing"))
    assert (found.parts[0].tenant, found.parts[0].allowed_roles) == ("acme", ())
    path.write_bytes(path.read_bytes().replace(b',"tenant":"acme","allowed_roles":[]', b""))
    assert read(path, "hashing") == Snapshot({"0": 7}, (PART,))


def test_a_missing_file_is_no_snapshot_and_gives_no_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert read(tmp_path / "absent", "hashing") is None
    assert not caplog.records


def test_another_embedder_is_a_warning_that_names_both(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert read(path, "minilm") is None
    assert "made with the embedder hashing, but minilm is configured" in caplog.text


@pytest.mark.parametrize("content", [b"", b"\n", b"\x00\xff", b"{}\n", b'{"format":1}\n'])
def test_a_file_that_is_none_of_ours_is_ignored(path: Path, content: bytes, caplog: pytest.LogCaptureFixture) -> None:
    path.write_bytes(content)
    assert read(path, "hashing") is None
    assert "it is damaged" in caplog.text


def test_a_file_cut_off_anywhere_is_ignored(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    whole = path.read_bytes()
    for length in range(0, len(whole), 11):
        caplog.clear()
        path.write_bytes(whole[:length])
        assert read(path, "hashing") is None
        assert "is ignored" in caplog.text


@pytest.mark.parametrize("other", [FORMAT - 1, FORMAT + 1])
def test_another_format_is_ignored(path: Path, other: int, caplog: pytest.LogCaptureFixture) -> None:
    path.write_bytes(path.read_bytes().replace(b'"format":%d' % FORMAT, b'"format":%d' % other, 1))
    assert read(path, "hashing") is None
    assert "another version" in caplog.text


def test_a_failed_write_leaves_the_old_file_and_nothing_else(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write(path, "hashing", {"0": 8}, [])
    assert read(path, "hashing") == Snapshot({"0": 7}, (PART, PART))
    assert [file.name for file in path.parent.iterdir()] == ["index"]


def test_parts_that_cannot_be_made_leave_the_old_file(path: Path) -> None:
    def parts() -> Iterator[DocumentChunks]:
        yield PART
        raise KeyError("x")

    with pytest.raises(KeyError):
        write(path, "hashing", {}, parts())
    assert [file.name for file in path.parent.iterdir()] == ["index"]


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX")
def test_only_its_owner_can_read_it(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
