from __future__ import annotations

from typing import Any

import cel
import pytest
from cel.stdlib import STDLIB_FUNCTIONS
from hypothesis import given
from hypothesis import strategies as st

from app.expressions.expression import Expression
from app.expressions.functions import BUILT_IN, KNOWN, MAX_PARTS, RENAMED, extensions, join, split


def test_that_every_function_is_the_languages_own_or_one_of_its_extensions() -> None:
    assert STDLIB_FUNCTIONS.keys() >= KNOWN - BUILT_IN - RENAMED.keys()
    assert extensions(KNOWN).keys() == KNOWN - BUILT_IN - RENAMED.keys() | set(RENAMED.values())


def test_that_none_of_them_knows_the_time_or_draws_lots() -> None:
    assert not KNOWN & {"now", "random", "uuid"}


def test_that_extensions_work_as_functions_and_as_methods() -> None:
    program = cel.compile("max([1, 3]) + ' A '.trim().size()")
    assert program.execute(cel.Context({}, extensions({"max", "trim"}))) == 4


@pytest.mark.parametrize(
    ("text", "separator", "parts"), [("a,b", ",", ["a", "b"]), ("ab", "", ["a", "b"]), ("", ",", [""]), ("", "", [])]
)
def test_that_a_text_is_split(text: str, separator: str, parts: list[str]) -> None:
    assert split(text, separator) == parts


@pytest.mark.parametrize(("text", "separator"), [("," * MAX_PARTS, ","), ("x" * (MAX_PARTS + 1), "")])
def test_that_a_text_is_not_split_into_dust(text: str, separator: str) -> None:
    with pytest.raises(ValueError, match="at most 1000 parts"):
        split(text, separator)


def test_that_joining_is_bounded() -> None:
    assert join(["a", "b"], "-") == "a-b"
    with pytest.raises(ValueError, match="more than 1048576"):
        join(["a"] * 2000, "x" * 1000)
    with pytest.raises(ValueError, match="only texts"):
        join([1], "-")  # type: ignore[list-item]  # what an expression may hand over


def _value(source: str, **given: Any) -> Any:
    return Expression(source, where="w").evaluate({"input": given})


#: Of one byte, two, three and four; with marks that combine, joined emoji, and a text that goes the other way.
TEXTS = ("a😀é", "", "e\u0301", "👩‍👩‍👧", "日本語", "🇩🇪", "דוד", "\U0001f600" * 3, "\x00x")


@pytest.mark.parametrize("text", TEXTS)
def test_that_a_text_is_counted_in_code_points(text: str) -> None:
    count = len(text)
    assert _value("[size(input.t), input.t.size(), size(input.t + 'é'), input.t.split('').size()]", t=text) == [
        count, count, count + 1, count,
    ]  # fmt: skip
    assert _value("input.l.map(x, size(x))", l=[text, text]) == [count, count]
    assert _value("input.t.substring(size(input.t)) + input.t.reverse().reverse()", t=text) == text


@given(st.text(max_size=30), st.text(max_size=3), st.data())
def test_that_all_functions_of_texts_count_alike(text: str, part: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(at, len(text)))
    given = {"t": text, "p": part, "at": at, "end": end}
    for source, right in (
        ("size(input.t)", len(text)),
        ("input.t.charAt(input.at)", text[at : at + 1]),
        ("input.t.substring(input.at)", text[at:]),
        ("input.t.substring(input.at, input.end)", text[at:end]),
        ("input.t.indexOf(input.p)", text.find(part)),
        ("input.t.indexOf(input.p, input.at)", text.find(part, at)),
        ("input.t.lastIndexOf(input.p)", text.rfind(part)),
        ("input.t.reverse()", text[::-1]),
        ("input.t.split('')", list(text)),
        ("input.t.split('', 2).join()", text),
        ("input.t.contains(input.p)", part in text),
        ("size(input.t.substring(0, input.at)) == input.at", True),
    ):
        assert _value(source, **given) == right


def test_that_what_is_no_text_has_its_own_size() -> None:
    assert _value("[size([1, 2]), size({'a': 1}), size(b'\\xff\\x00'), size(bytes('é'))]") == [2, 1, 2, 2]
    assert _value("{'size': 1}.size + [2].map(size, size * 2)[0]") == 5
    for wrong, kind in (("1", "a number"), ("null", "null"), ("true", "true or false")):
        with pytest.raises(Exception, match=f"^w: `size` takes a text, a list or a map, not {kind}$"):
            _value(f"size({wrong})")


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("'a,b,c'.split(',', 2)", ["a", "b,c"]),
        ("'a,b,c'.split(',', 0)", []),
        ("'a,b,c'.split(',', -1)", ["a", "b", "c"]),
        ("'a😀é'.split('', 2)", ["a", "😀é"]),
        ("'ab'.split('', 9)", ["a", "b"]),
        ("-size('a😀é') + - -3", 0),
        ("-input.n - -input.n", 0),
        ("[1, 2].map(x, -x)", [-1, -2]),
        ("-(input.n)", -5),
        ("!(-input.n > 0)", True),
        ("-input.l[1]", -7),
        ("-1.5", -1.5),
    ],
)
def test_that_limits_and_signs_are_kept(source: str, value: object) -> None:
    assert _value(source, n=5, l=[6, 7]) == value


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("has(input.none.x)", "`input.none` is null and has no `x`; test it first, as in `input.none != null && …`"),
        ("input.none.x.y == 1", "`input.none` is null and has no `x`; test it first, as in `input.none != null && …`"),
        ("input.n.x", "`input.n` is a number and has no `x`"),
        ("has(input.absent.x)", "`input.absent` does not exist; test first with has(input.absent)"),
        (
            "input.none + 1",
            "`input.none` is null: the types do not fit together; convert with int(x), double(x) or string(x)",
        ),
        ("int(input.t)", "`int` cannot take a value of this type"),
        ("input.n.trim()", "`trim` cannot take a value of this type"),
        ("-input.t", "`-` takes a number, not true or false"),
        ("duration('9999999999h')", "yields a duration of more than 292 years, which CEL cannot represent"),
        ("input.n * 9223372036854775807", "the result has more than 64 bits; convert with double(x) first"),
    ],
)
def test_that_a_fault_on_the_data_says_what_to_write(source: str, said: str) -> None:
    with pytest.raises(Exception, match=r"^w: ") as caught:
        _value(source, none=None, n=5, t=True)
    assert str(caught.value) == f"w: {said}"
