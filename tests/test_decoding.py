from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from app.decoding import NotJson, NotText, decode, join_halves, parse_json, wide_encoding

#: Any value of JSON, whose integers may have hundreds of digits.
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**300), 10**300)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=9,
)
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be")
HALF = "half of a character (a lone surrogate) is replaced by U+FFFD"


def exact(value: JsonValue) -> str:
    """Return the value's JSON, in which 1, 1.0 and true differ."""
    return json.dumps(value)


@given(VALUES, st.sampled_from(ENCODINGS), st.booleans(), st.sampled_from(["", " ", "\r\n"]))
def test_any_value_survives_in_any_encoding(value: JsonValue, encoding: str, ascii_only: bool, space: str) -> None:  # noqa: FBT001  # drawn
    text = f"{json.dumps(value, ensure_ascii=ascii_only)}{space}" + " " * 3  # what tells UTF-16 and UTF-32 apart
    found = parse_json(text.encode(encoding))
    assert exact(found.value) == exact(value)
    assert found.notes == ()
    assert json.loads(found.text) == value


@pytest.mark.parametrize(
    ("digits", "value"),
    [
        ("123456789012345678901234567890", 123456789012345678901234567890),
        ("-123456789012345678901234567890", -123456789012345678901234567890),
        ("9" * 4300, 10**4300 - 1),
        ("-0", 0),
        ("1e2", 100.0),
        ("0e999999", 0.0),
        ("1.7976931348623157e308", 1.7976931348623157e308),
        ("5e-324", 5e-324),
        ("1.1000000000000000000000000000", 1.1),
    ],
)
def test_a_number_keeps_its_value(digits: str, value: float) -> None:
    found = parse_json(f'{{"n": {digits}}}'.encode())
    assert found.value == {"n": value}
    assert found.notes == ()


@pytest.mark.parametrize(
    ("digits", "read"),
    [("9007199254740993.0", "9007199254740992.0"), ("0.1234567890123456789", "0.12345678901234568")],
)
def test_a_number_that_loses_digits_is_noted(digits: str, read: str) -> None:
    (note,) = parse_json(f"[{digits}]").notes
    assert note == f"the number {digits} is rounded to {read}; send it as a string to keep all its digits"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[NaN]", "NaN is not valid JSON; send null, or a string"),
        ("[-Infinity]", "-Infinity is not valid JSON"),
        ("[1e999]", "the number 1e999 is beyond a 64-bit float; send it as a string"),
        ("[-1E+400]", "the number -1E+400 is beyond"),
        ("[1e-999]", "the number 1e-999 is beyond"),
        ("9" * 4301, "number out of range"),
        ("\ud800", "a value is missing, or a text without its double quotes at column 1"),
        ('{"a": "\ud83d\ude00", "b": \ud800}', "a value is missing"),
        ("[1, 2", "it ends too early at column 5"),
        ("", "it ends too early"),
        ('"a\nb"', "has a line break or a tab in it"),
        ("[" * 202 + "]" * 202, "it is nested more than 200 deep"),
        ("[" * 100_000 + "]" * 100_000, "it is nested more than 200 deep"),
        ('{"a":' * 100_000, "it is nested more than 200 deep"),
        (f'["\\ud83d", {"[" * 201 + "]" * 201}]', "it is nested more than 200 deep"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_name(text: str, problem: str) -> None:
    with pytest.raises(NotJson) as caught:
        parse_json(text)
    assert problem in str(caught.value)


def test_many_values_are_not_a_deep_one() -> None:
    text = json.dumps([[]] * 500)
    assert len(parse_json(text).value) == 500  # type: ignore[arg-type]  # a list
    assert parse_json("[" * 300 + "]" * 300, deep=True).notes == ()


@pytest.mark.parametrize(
    ("data", "value", "notes"),
    [
        (rb'"\ud83d\ude00"', "😀", ()),
        (b'"\xed\xa0\xbd\xed\xb8\x80"', "😀", ()),
        (rb'"a\ud83d"', "a\ufffd", (HALF,)),
        (rb'"\ude00\ud83d"', "\ufffd\ufffd", (HALF,)),
        (b'"\xed\xa0\xbd"', "\ufffd", (HALF,)),
        (rb'{"\ud83d": [["\udc00"]]}', {"\ufffd": [["\ufffd"]]}, (HALF,)),
        (rb'"\\ud83d"', r"\ud83d", ()),
    ],
)
def test_halves_of_characters_are_joined_or_replaced(data: bytes, value: JsonValue, notes: tuple[str, ...]) -> None:
    found = parse_json(data)
    assert (found.value, found.notes) == (value, notes)


def test_a_key_that_is_there_twice_is_noted_once() -> None:
    found = parse_json('{"a": 1, "b": {"x\\n": 1, "x\\n": 2}, "a": 3, "a": 4}')
    assert found.value == {"a": 4, "b": {"x\n": 2}}
    assert sorted(found.notes) == [
        "the key 'a' is there twice; its last value counts",
        r"the key 'x\n' is there twice; its last value counts",
    ]


def test_notes_are_few() -> None:
    assert len(parse_json(json.dumps([0.1] * 9)[:-1] + ", 0.10000000000000000001" * 99 + "]").notes) == 1
    many = ", ".join(f"0.1000000000000000000{n}" for n in range(11, 99))
    assert len(parse_json(f"[{many}]").notes) == 20


@pytest.mark.parametrize(
    ("text", "encoding", "charset", "found"),
    [
        ("é", "latin-1", "iso-8859-1", "é"),
        ("é", "utf-8", "iso-8859-1", "é"),  # a server's default, which its answer does not keep to
        ("é", "utf-8-sig", "iso-8859-1", "é"),
        ("é", "utf-16", "utf-8", "é"),
        ("日本", "shift_jis", '"Shift_JIS"', "日本"),
        ("日本", "iso-2022-jp", "iso-2022-jp", "日本"),
        ("ab", "utf-16-le", "utf-16le", "ab"),
        ("é", "utf-8", "klingon", "é"),
        ("é", "utf-8", "hex", "é"),
        ("é", "utf-8", "", "é"),
    ],
)
def test_a_declared_charset_counts_where_the_bytes_do_not_say(
    text: str, encoding: str, charset: str, found: str
) -> None:
    assert decode(text.encode(encoding), charset) == found


@pytest.mark.parametrize("charset", [None, "utf-8", "klingon", "punycode", "unicode_escape", "rot13"])
def test_what_is_not_text_is_refused_or_replaced(charset: str | None) -> None:
    with pytest.raises(NotText, match="not UTF-8: invalid start byte at byte 1"):
        decode(b"a\xffb", charset)
    assert decode(b"a\xffb", charset, errors="replace") == "a\ufffdb"


@given(st.binary(), st.sampled_from([None, "utf-16", "latin-1", "utf-7", "idna", "x"]))
def test_any_bytes_are_text_or_refused(data: bytes, charset: str | None) -> None:
    assert isinstance(decode(data, charset, errors="replace"), str)
    with suppress(NotText):
        decode(data, charset).encode()
    with suppress(NotText, NotJson):
        json.dumps(parse_json(data, charset).value, allow_nan=False).encode()


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_any_text_is_json_or_refused(text: str) -> None:
    for one in (text, f'["{text}"]'):
        with suppress(NotJson):
            json.dumps(parse_json(one).value, allow_nan=False).encode()


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_joined_text_can_be_written(text: str) -> None:
    joined = join_halves(text)
    assert joined.encode().decode() == joined
    assert join_halves(joined) == joined


@pytest.mark.parametrize(
    ("beginning", "encoding"),
    [(b"", None), (b"{", None), (b'\xef\xbb\xbf{"', None), (b"\xff\xfe{", "utf-16"), (b"\0{\0\n", "utf-16-be")],
)
def test_wide_encodings_are_known_by_their_beginning(beginning: bytes, encoding: str | None) -> None:
    assert wide_encoding(beginning) == encoding
