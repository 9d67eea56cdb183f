from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import ConfigurationError
from app.routing.base import ModelAnswer, Policy
from tests.routing.asks import MODELS, answers, ask, policy


def _run(cascade: Policy, texts: dict[str, str | None], *, count: int | None = None) -> list[tuple[str, ...]]:
    """Return the stages that are asked one after the other when every model says what is in `texts`."""
    asking = ask(*texts, count=count)
    rounds, given = [cascade.choose(asking).models], list[ModelAnswer]()
    while True:
        given += [ModelAnswer(model, texts[model]) for model in rounds[-1]]
        further = cascade.more(asking, [model for stage in rounds for model in stage], given)
        if further is None:
            return rounds
        assert further.models
        rounds.append(further.models)


def test_the_cheapest_is_asked_first_and_alone() -> None:
    choice = policy("cascade").choose(ask())
    assert (choice.models, choice.reserves) == (("a",), ())
    assert choice.reason == "a first, as the cheapest"


def test_an_answer_is_enough_where_nothing_else_is_demanded() -> None:
    assert _run(policy("cascade"), dict.fromkeys(MODELS, "yes")) == [("a",)]


def test_a_model_that_failed_leads_on() -> None:
    assert _run(policy("cascade"), {"a": None, "b": None, "c": "yes"}) == [("a",), ("b",), ("c",)]
    assert _run(policy("cascade"), {"a": None, "b": "yes", "c": "yes"}) == [("a",), ("b",)]


def test_the_last_stage_is_the_last_whatever_it_answers() -> None:
    assert _run(policy("cascade"), dict.fromkeys(MODELS)) == [("a",), ("b",), ("c",)]


@pytest.mark.parametrize("text", ["I don't know.", "Hm, I DON'T KNOW", "maybe 12"])
def test_doubt_leads_on(text: str) -> None:
    cascade = policy("cascade", doubt=["i don't know", r"maybe \d+"])
    assert _run(cascade, {"a": text, "b": "12", "c": "12"}) == [("a",), ("b",)]
    further = cascade.more(ask(), ["a"], answers(("a", text)))
    assert further is not None
    assert further.reason.startswith("a is in doubt (")
    assert (further.models, further.reserves) == (("b",), ())


def test_a_check_on_the_text_leads_on_where_it_is_false() -> None:
    cascade = policy("cascade", check="size(answer) >= 5")
    assert _run(cascade, {"a": "no", "b": "certainly", "c": "x"}) == [("a",), ("b",)]
    further = cascade.more(ask(), ["a"], answers(("a", "no")))
    assert further is not None
    assert further.reason == "the answer of a does not pass the check: on to b"


@pytest.mark.parametrize(
    ("data", "enough"),
    [({"sure": 0.9}, True), ({"sure": 0.5}, False), ({}, False), (None, False), ({"sure": "very"}, False)],
)
def test_a_check_on_the_data_leads_on_where_it_cannot_be_evaluated_too(data: Any, *, enough: bool) -> None:
    cascade = policy("cascade", check="data.sure >= 0.8")
    assert (cascade.more(ask(), ["a"], [ModelAnswer("a", "{}", data)]) is None) is enough


@pytest.mark.parametrize("check", ["steps.a.output == 'x'", "answer ==", "nothing"])
def test_a_check_that_cannot_be_is_refused_when_it_is_loaded(check: str) -> None:
    with pytest.raises(ConfigurationError, match="check"):
        policy("cascade", check=check)


@pytest.mark.parametrize(
    ("texts", "confidence", "enough"),
    [
        (["Yes", "yes.", "no"], 0.6, True),
        (["Yes", "yes.", "no"], 0.7, False),
        (["yes", "yes", None], 0.7, False),  # what failed agrees with nothing
        (["yes"], 1.0, True),
        (["one", "two"], 0.5, True),
        ([None, None], 0.1, False),
    ],
)
def test_samples_of_a_model_must_agree(texts: list[str | None], confidence: float, *, enough: bool) -> None:
    cascade = policy("cascade", confidence=confidence)
    further = cascade.more(ask(), ["a"], [ModelAnswer("a", text) for text in texts])
    assert (further is None) is enough


def test_what_most_said_is_what_is_checked() -> None:
    cascade = policy("cascade", stages=[["a", "b", "c"], ["d"]], doubt=["unsure"])
    asking = ask("a", "b", "c", "d")
    most_sure = answers(("a", "unsure"), ("b", "4"), ("c", "4."))
    most_unsure = answers(("a", "Unsure."), ("b", "4"), ("c", "unsure"))
    assert cascade.more(asking, ["a", "b", "c"], most_sure) is None
    further = cascade.more(asking, ["a", "b", "c"], most_unsure)
    assert further is not None
    assert further.models == ("d",)


def test_stages_are_asked_as_wholes_or_in_parts_of_the_wanted_size() -> None:
    cascade = policy("cascade", stages=[["c", "a"], ["b"]])
    assert _run(cascade, dict.fromkeys(MODELS)) == [("c", "a"), ("b",)]
    assert _run(cascade, dict.fromkeys(MODELS), count=1) == [("c",), ("a",), ("b",)]


def test_only_the_answers_of_the_last_stage_count() -> None:
    cascade = policy("cascade", stages=[["a", "b"], ["c"], ["d"]], confidence=0.6)
    asking, first = ask("a", "b", "c", "d"), answers(("a", "4"), ("b", "5"))
    assert cascade.more(asking, ["a", "b", "c"], [*first, ModelAnswer("c", "6")]) is None
    further = cascade.more(asking, ["a", "b", "c"], [*first, ModelAnswer("c", None)])
    assert further is not None
    assert further.models == ("d",)


def test_a_failure_within_a_stage_that_agrees_well_enough_leads_nowhere() -> None:
    cascade = policy("cascade", stages=[["a", "b", "c"], ["d"]], confidence=0.6)
    given = answers(("a", "4"), ("b", None), ("c", "4"))
    assert cascade.more(ask("a", "b", "c", "d"), ["a", "b", "c"], given) is None


def test_models_that_come_or_go_meanwhile_do_not_lead_it_astray() -> None:
    cascade = policy("cascade", doubt=["unsure"])
    gone = cascade.more(ask("b", "c"), ["a"], answers(("a", "unsure")))  # a's breaker has opened since
    assert gone is not None
    assert gone.models == ("b",)
    assert cascade.more(ask("b", "c"), ["a"], answers(("a", "4"))) is None


def test_models_that_are_not_there_are_skipped() -> None:
    cascade = policy("cascade", stages=[["a"], ["b"], ["c"]])
    assert _run(cascade, {"b": None, "c": "yes"}) == [("b",), ("c",)]


@pytest.mark.parametrize(
    ("stages", "complaint"),
    [
        ([["a"], ["b", "c"]], None),
        ([], None),
        ([["a"], ["x"]], "stages names x, but the step's models are a, b, c"),
        ([["a"], ["c"]], "stages leaves out b: it would never be asked"),
    ],
)
def test_stages_must_be_the_models_of_the_step(stages: list[list[str]], complaint: str | None) -> None:
    assert policy("cascade", stages=stages).check(MODELS) == complaint


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stages": [["a"], ["b", "a"]]}, "a is in two places"),
        ({"stages": [[]]}, "stages.0"),
        ({"doubt": ["("]}, "'\\(' is not a regular expression"),
        ({"confidence": 1.5}, "confidence"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        policy("cascade", **options)


@given(
    stages=st.permutations("abcdef").flatmap(
        lambda models: st.integers(1, 6).map(lambda cut: [s for s in (models[:cut], models[cut:]) if s])
    ),
    texts=st.lists(st.sampled_from([None, "yes", "no", "unsure"]), min_size=6, max_size=6),
    count=st.integers(1, 6),
)
def test_a_cascade_asks_every_model_at_most_once_and_ends(
    stages: list[list[str]], texts: list[str | None], count: int
) -> None:
    cascade = policy("cascade", stages=stages, confidence=0.5, doubt=["unsure"])
    rounds = _run(cascade, dict(zip("abcdef", texts, strict=True)), count=count)
    asked = [model for models in rounds for model in models]
    assert len(asked) == len(set(asked))
    assert all(len(models) <= count for models in rounds)
    flat = [model for stage in stages for model in stage]
    assert asked == flat[: len(asked)]
