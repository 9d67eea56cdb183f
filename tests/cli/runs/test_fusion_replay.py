from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from pydantic import JsonValue

from app.cli.runs import fusion_replay
from app.cli.runs.comparison import Comparison
from app.errors import ConfigurationError, MissingDependency
from app.vectors import encode
from tests.cli.runlog import Log
from topics.base import Failure


def _log(*texts: str, result: bool = True, **fields: Any) -> Log:
    log = Log()
    log.task()
    answers = [log.model("ask", f"m{n}", "1", 1.0, 2.0 + n, text=text) for n, text in enumerate(texts)]
    if result:
        log.result(9.0, [], [one for one in answers if one], fusion="first", reason="it came first", **fields)
    return log


def _fuse(log: Log, strategy: str = "vote", step: str | None = None, **options: Any) -> Comparison:
    return fusion_replay.fuse(log.history(), step, strategy, options)


def test_the_new_answer_stands_beside_the_recorded_one() -> None:
    found = _fuse(_log("no", "yes", "yes"))
    assert (found.step, found.candidates, found.same) == ("ask", ("m0", "m1", "m2"), False)
    assert found.recorded is not None
    assert (found.recorded.strategy, found.recorded.chosen, found.recorded.answer) == ("first", "m0", "no")
    assert (found.again.strategy, found.again.answer) == ("vote", "yes")
    assert found.again.groups[0] == ("m1", "m2")
    assert _fuse(_log("yes", "yes", "no")).same


def test_recorded_embeddings_tell_what_is_near() -> None:
    log = Log()
    log.task()
    for name, vector in (("far", [0.0, 1.0]), ("near", [1.0, 0.0]), ("by", [0.9, 0.1])):
        log.model("ask", name, "1", 1.0, 2.0, text=name, embedding=encode(np.array(vector)))
    found = _fuse(log, "consensus")
    assert found.again.answer == "by"
    assert "by meaning" in found.again.reason
    assert found.recorded is None


def test_an_embedding_that_is_none_does_no_harm() -> None:
    log = Log()
    log.model("ask", "a", "1", 1.0, 2.0, text="x", embedding="%")
    assert _fuse(log, "consensus").again.answer == "x"


def test_only_the_last_answer_of_each_branch_in_the_last_attempt_counts() -> None:
    log = Log()
    log.model("ask", "a", "1", 1.0, 1.5, text="old")
    log.model("ask", "a", "2", 2.0, 2.5, text="malformed")
    log.model("ask", "a", "2.1", 2.5, 2.6, text='{"x": 1}')
    log.model("ask", "b", "2", 2.0, 2.5, error=Failure(code="timeout", message=""))
    log.model("ask", "judge", "2", 2.7, 2.8, text="A", purpose="fusion")
    log.model("ask", "c", "2", 2.0)
    found = _fuse(log, "first")
    assert (found.candidates, found.again.answer) == (("a",), {"x": 1})


def _two_steps() -> Log:
    log = _log("yes", result=False)
    answer = log.model("last", "m", "1", 3.0, 4.0, text="last says")
    assert answer
    log.result(9.0, [], [answer])
    return log


def test_the_step_of_the_answer_is_taken_or_the_one_that_is_named() -> None:
    assert _fuse(_two_steps(), "first").step == "last"
    named = _fuse(_two_steps(), "first", "ask")
    assert (named.step, named.again.answer, named.recorded) == ("ask", "yes", None)


def test_without_a_result_the_step_must_be_named() -> None:
    log = _log("yes", result=False)
    log.model("other", "m", "1", 3.0, 4.0, text="x")
    with pytest.raises(ConfigurationError, match="name one with --step: ask, other"):
        _fuse(log)


@pytest.mark.parametrize(
    ("strategy", "step", "options", "reason"),
    [
        ("vote", "nowhere", {}, "no answers of step nowhere are recorded in q-1; there is ask"),
        ("guess", None, {}, "guess"),
        ("vote", None, {"colour": 1}, "colour"),
        ("best-of-n", None, {"judge": "m0"}, "best-of-n needs a model"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(strategy: str, step: str | None, options: Any, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        _fuse(_log("a", "b"), strategy, step, **options)


def test_a_run_without_answers_has_nothing_to_fuse() -> None:
    log = Log()
    log.task()
    with pytest.raises(ConfigurationError, match=r"no answers are recorded in q-1$"):
        _fuse(log)


def test_a_client_without_the_servers_packages_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    log = _log("a")
    monkeypatch.setitem(sys.modules, "app.vectors", None)
    with pytest.raises(MissingDependency, match=r'pip install "meta-ai-orchestrator\[server\]"'):
        _fuse(log)


@pytest.mark.parametrize(
    ("text", "option"),
    [
        ("a=1", ("a", 1)),
        ("a=x", ("a", "x")),
        ('w={"m": 0.5}', ("w", {"m": 0.5})),
        ("p=a=b", ("p", "a=b")),
        ("e=", ("e", "")),
    ],
)
def test_an_option_is_a_name_and_json_or_text(text: str, option: tuple[str, JsonValue]) -> None:
    assert fusion_replay.parse_option(text) == option


@pytest.mark.parametrize("text", ["a", "=1"])
def test_an_option_without_a_name_or_a_value_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="must be name=value"):
        fusion_replay.parse_option(text)
