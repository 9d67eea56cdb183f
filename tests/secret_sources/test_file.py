from __future__ import annotations

from pathlib import Path

import pytest

from app.secret_sources.file import read
from app.secret_sources.registry import SecretMissing


@pytest.mark.parametrize(
    ("content", "secret"), [(b"key", "key"), (b"key\n", "key"), (b"key\r\n", "key"), (b"a\nb\n\n", "a\nb"), (b"", "")]
)
def test_that_a_file_is_read_without_the_line_ends_at_its_end(tmp_path: Path, content: bytes, secret: str) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    assert read(str(file)) == secret


@pytest.mark.parametrize(
    ("content", "problem"), [(b"\xff", "is not UTF-8"), (b"a" * 70_000, "is larger than 64 KiB: it is no secret")]
)
def test_that_what_is_no_secret_is_refused(tmp_path: Path, content: bytes, problem: str) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    with pytest.raises(SecretMissing, match=problem):
        read(str(file))


def test_that_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SecretMissing, match="key cannot be read: No such file"):
        read(str(tmp_path / "key"))
    with pytest.raises(SecretMissing, match="is not a whole path"):
        read("secrets/key")
