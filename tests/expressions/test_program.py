from __future__ import annotations

import pytest

from app.errors import ConfigurationError
from app.expressions.messages import describe_error
from app.expressions.program import Program


def test_that_a_program_runs_with_functions_and_without() -> None:
    assert Program("a + 1", where="w").run({"a": 1}) == 2
    assert Program("a.trim()", where="w").run({"a": " x "}) == "x"


def test_that_a_program_knows_its_names() -> None:
    program = Program("size(a.map(x, x.b)) > 1", where="w")
    assert (program.variables, program.functions) == (["a", "x"], ["size"])


@pytest.mark.parametrize("source", ["", "a b", "a.?b", "`a`", "a[", "\x00"])
def test_that_a_malformed_one_is_refused_in_one_line(source: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^w: is not a valid CEL expression: column \d+: .+$"):
        Program(source, where="w")


def test_that_every_fault_is_one_line() -> None:
    for source in ("a", "1 / 0", "'x'.matches('(')", "{'a': 1}['b']", "1 + 'x'", "[1][2]", "timestamp('x')"):
        with pytest.raises(Exception) as caught:  # noqa: PT011  # each has a type of its own
            Program(source, where="w").run({})
        assert describe_error(caught.value)
        assert "\n" not in describe_error(caught.value)
