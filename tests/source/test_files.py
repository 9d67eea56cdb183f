from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import ConfigurationError
from app.source.files import MAX_BYTES, read, text


def test_that_yaml_and_json_are_read(tmp_path: Path) -> None:
    for name, content in (("a.yaml", "a: 1"), ("a.json", '{\n\t"a": 1\n}'), ("b.yaml", "\ufeffa: 1")):
        path = tmp_path / name
        path.write_text(content, encoding="utf-8")
        assert read(path, what="a list").value == {"a": 1}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a\n\xff", ":2: is not UTF-8; save it in that encoding"),
        (b" " * (MAX_BYTES + 1), ": is larger than 262144 bytes; is it a list?"),
    ],
)
def test_that_what_is_not_text_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "a"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        text(path, what="a list")
    assert str(caught.value) == f"{path}{said}"


def test_that_an_unreadable_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: No such file or directory"):
        text(tmp_path / "absent", what="a list")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # the file is written anew each time
@given(st.dictionaries(st.text(max_size=9), st.text() | st.sampled_from(["a\u2028b", "\x85", "\x7f\u2029 ", "\ufeff"])))
def test_that_a_json_file_is_read_as_json_reads_it(tmp_path: Path, value: dict[str, str]) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(value, ensure_ascii=False, indent="\t"), encoding="utf-8")
    assert read(path, what="a list").value == value
