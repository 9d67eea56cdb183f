from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import ConfigurationError, ExpressionError
from app.expressions.expression import Expression, TemplateValue
from topics.retrieval_results import Chunk

CHUNK = Chunk(id="c", document_id="d", source="s.md", lines=(1, 2), text="Because.", score=0.5)
CONTEXT = {
    "input": {"kind": "refund", "total": 12, "tags": ["a", "b"], "when": "2026-02-01T00:00:00Z", "none": None},
    "metadata": {"team": "x"},
    "steps": {"triage": {"output": "urgent", "status": "succeeded"}, "search": {"chunks": (CHUNK,), "output": None}},
}


def _evaluate(source: str) -> Any:
    return Expression(source, where="w").evaluate(CONTEXT)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("input.kind == 'refund' && steps.triage.output == 'urgent'", True),
        ("input.total / 5", 2),
        ("input.total > 11.5 ? 'much' : 'little'", "much"),
        ("has(input.other) ? input.other : null", None),
        ("steps.search.chunks.map(c, c.source + ':' + string(c.lines[0]))", ["s.md:1"]),
        ("steps.search.chunks[0]", CHUNK.model_dump(mode="json")),
        ("input.tags.join(', ').upperAscii()", "A, B"),
        ("'b' in input.tags", True),
        ("input.none == null", True),
        ("{'a': [input.total]}", {"a": [12]}),
        ("timestamp(input.when) + duration('36h')", "2026-02-02T12:00:00Z"),
    ],
)
def test_that_expressions_compute(source: str, value: object) -> None:
    assert _evaluate(source) == value


def test_that_a_timestamp_can_be_had_as_such() -> None:
    found = Expression("timestamp(input.when)", where="w").evaluate(CONTEXT, native=True)
    assert found == datetime(2026, 2, 1, tzinfo=UTC)


def test_that_an_expression_knows_what_it_uses() -> None:
    found = Expression("steps.a.output == steps['b'].output && input.l.exists(x, x == item)", where="w")
    assert found.steps == {"a", "b"}
    assert found.roots == {"steps", "input", "item"}


def test_that_only_what_is_named_is_looked_at() -> None:
    class Untouchable(dict[str, Any]):
        def items(self) -> Any:
            raise AssertionError("it was copied")

    context = {"input": Untouchable(kind="x"), "steps": {"a": Untouchable(), "b": {"output": 1}}}
    assert Expression("input.kind == 'x' && steps.b.output == 1", where="w").evaluate(context) is True


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("1 +", "is not a valid CEL expression: column 4: "),
        ("now()", "unknown function now; there are bool, "),
        ("input.kind.contians('x')", "unknown function contians; did you mean `contains`?"),
        ("steps", "name the step, as in `steps.answer.output`"),
        ("steps[input.kind].output", "name the step"),
        ("input.tags.map(item, item)", "`item` is taken; give the macro's variable another name"),
        ("'" + "x" * 10_000 + "'", "an expression may have at most 10000 characters"),
        ("(" * 500 + "1" + ")" * 500, "is not a valid CEL expression"),
    ],
)
def test_that_what_cannot_work_is_refused_before_it_is_used(source: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Expression(source, where="steps.x.when")
    assert str(caught.value).startswith(f"steps.x.when: {complaint}")


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("input.nothing", "`input.nothing` does not exist; test first with has(input.nothing)"),
        ("steps.absent.output", "`steps.absent` does not exist"),
        ("item.x", "there is no `item`"),
        ("input.total + 'x'", "the types do not fit together"),
        ("input.kind.split(input.kind).map(x, x.y)", "the types do not fit together"),
        ("1 / 0", "division by zero"),
        ("9223372036854775807 + 1", "the result has more than 64 bits"),
        ("input.tags[7]", "index out of bounds"),
        ("timestamp('soon')", "`timestamp`: premature end of input"),
        ("1.0 / 0.0", "yields inf"),
        ("b'x'", "yields bytes"),
        ("[1].join('')", "only texts can be joined"),
    ],
)
def test_that_what_fails_is_the_expressions_error(source: str, complaint: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        _evaluate(source)
    assert str(caught.value).startswith(f"w: {complaint}")


@pytest.mark.parametrize(
    "source",
    [
        "input.l.map(x, input.l.map(y, input.l.map(z, x + y + z)))",
        "input.l.map(x, input.text)",
        "input.text + input.text",
        "input.text.split('').map(x, input.text.split('').map(y, y))",
    ],
)
def test_that_no_expression_can_stop_the_worker(source: str) -> None:
    context = {"input": {"l": list(range(1000)), "text": "x" * 1_000_000}}
    begun = time.process_time()
    with pytest.raises(ExpressionError):
        Expression(source, where="w").evaluate(context)
    one = time.process_time() - begun
    assert one < 10  # unbounded, each of them takes minutes or gigabytes


_NAMES = ("input", "input.tags", "steps.triage.output", "item", "x", "in", "null", "true")
_CALLS = (".map(", ".exists(", "size(", "has(", "string(", "timestamp(", "duration(")
_MARKS = (*".[](){},:?+-*/%<!", "==", "&&", "||", "//", "'", '"', "\\", "\n")
_LITERALS = ("'a'", "1", "2.5", "1u", "b'x'")
WORDS = st.sampled_from(_NAMES + _CALLS + _MARKS + _LITERALS)


@given(st.lists(WORDS, max_size=14).map(" ".join) | st.text(max_size=30))
def test_that_any_text_is_an_expression_or_a_named_error(source: str) -> None:
    try:
        Expression(source, where="w").evaluate(CONTEXT)
    except (ConfigurationError, ExpressionError) as error:
        assert str(error).startswith("w: ")  # noqa: PT017  # either outcome is right


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ("${{ input.total }}", 12),
        ("  ${{ input.total }}", "  12"),
        ("${{ input.tags }}", ["a", "b"]),
        ("of ${{ input.kind }}: ${{ input.tags }}, ${{ input.none }}", 'of refund: ["a", "b"], null'),
        ({"a": ["${{ steps.triage.output }}", 1, None]}, {"a": ["urgent", 1, None]}),
        ("${{ {'a': {'b': '}}'}} }}", {"a": {"b": "}}"}}),
        ("$${{ input.total }}", "${{ input.total }}"),
        ("a $${{ ${{ input.total }}", "a ${{ 12"),
        ("${ input.total }}", "${ input.total }}"),
        (None, None),
    ],
)
def test_that_values_are_filled_in(data: Any, value: Any) -> None:
    assert TemplateValue(data, where="w").evaluate(CONTEXT) == value


def test_that_a_value_knows_what_it_uses() -> None:
    found = TemplateValue({"a": "${{ steps.a.output }}", "b": ["x ${{ item }}", 1]}, where="w")
    assert set(found.roots) == {"steps", "item"}
    assert set(found.steps) == {"a"}


def test_that_errors_name_the_place_within_a_value() -> None:
    with pytest.raises(ConfigurationError, match=r"^w\.a\.1: is not a valid CEL expression"):
        TemplateValue({"a": [1, "${{ 1 + }}"]}, where="w")
    with pytest.raises(ConfigurationError, match=r"^w: `\$\{\{` is not closed by `\}\}`"):
        TemplateValue("${{ input.x }", where="w")
    with pytest.raises(ExpressionError, match=r"^w\.b: `input\.nothing` does not exist"):
        TemplateValue({"b": "${{ input.nothing }}"}, where="w").evaluate(CONTEXT)


def test_that_a_value_is_bounded_as_a_whole() -> None:
    value = TemplateValue(["${{ input.text }}"] * 3, where="w")
    with pytest.raises(ExpressionError, match="more than 1048576 characters"):
        value.evaluate({"input": {"text": "x" * 500_000}})


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(alphabet="ab${} "),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
    )
)
def test_that_json_without_expressions_stays_as_it_is(data: Any) -> None:
    if "${{" not in str(data):
        assert TemplateValue(data, where="w").evaluate({}) == data
