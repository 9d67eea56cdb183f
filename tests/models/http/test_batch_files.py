from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from app.errors import ModelError, Unavailable
from app.models.base import Completion
from app.models.http.batch_files import latest, read_answers
from app.models.http.errors import ErrorTranslator

ERRORS = ErrorTranslator("host", None, ())


def line(name: object, text: str = "Yes.") -> bytes:
    return json.dumps({"custom_id": name, "response": text}, ensure_ascii=False).encode()


def found(*lines: bytes, end: bytes = b"\n") -> dict[str, str]:
    def answer(entry: Mapping[str, Any]) -> Completion | ModelError:
        return Completion(entry["response"]) if entry.get("response") else ERRORS.broken("no")

    answers = latest(read_answers(end.join(lines), answer, ERRORS))
    return {name: one.text if isinstance(one, Completion) else one.code for name, one in answers.items()}


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\n\n", b"\n \r\n"])
def test_each_line_is_one_answer(end: bytes) -> None:
    assert found(b"", line("a"), line("b", "No\u2028way\u0085."), b"", end=end) == {
        "a": "Yes.",
        "b": "No\u2028way\u0085.",
    }


def test_a_byte_order_mark_is_no_part_of_the_first_line() -> None:
    assert found(b"\xef\xbb\xbf" + line("a"), line("b")) == {"a": "Yes.", "b": "Yes."}


@pytest.mark.parametrize(
    ("odd", "becomes"),
    [
        (b'{"custom_id": "x", "response": "half', {"x": "unavailable"}),
        (b'{"custom_id" : "x", "response": "tab\there"}', {"x": "tab\there"}),
        (b'{"custom_id": "x", "response": "\\ud83d"}', {"x": "\ud83d"}),
        (b'{"custom_id": "x"}', {"x": "unavailable"}),
        (b'{"custom_id": "x", "response": null}', {"x": "unavailable"}),
        (b'{"custom_id": null, "response": "lost"}', {}),
        (b'{"custom_id": 7, "response": "lost"}', {}),
        (b'{"response": "lost"}', {}),
        (b"null", {}),
        (b'"text"', {}),
        (b"<html>", {}),
        (b"[" * 100_000, {}),
    ],
)
def test_an_odd_line_is_its_own_affair(odd: bytes, becomes: dict[str, str]) -> None:
    found_there = found(line("a"), odd, line("b"))

    assert {name: str(text) for name, text in found_there.items()} == {"a": "Yes.", **becomes, "b": "Yes."}


def test_an_error_does_not_replace_an_answer() -> None:
    assert found(line("a"), line("a", ""), line("b", ""), line("b")) == {"a": "Yes.", "b": "Yes."}


@pytest.mark.parametrize("file", [b"<html>", b"null", b'{"message": "later"}', b"[]\n[]"])
def test_a_file_of_another_kind_is_the_providers_fault(file: bytes) -> None:
    with pytest.raises(Unavailable):
        found(file)


def test_an_empty_file_has_no_answers() -> None:
    assert found(b"") == {}
