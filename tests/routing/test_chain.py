from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from app.routing.base import Choice, ModelProfile
from app.routing.chain import Stage, check_through, choose_through, lookup_through, more_through
from app.routing.router import Router
from tests.routing.asks import MODELS, answers, ask, everyone, policy

PROFILES = {
    "a": ModelProfile(3.0, 3.0, tags=frozenset({"code"})),
    "b": ModelProfile(1.0, 1.0, tags=frozenset({"code"})),
    "c": ModelProfile(2.0, 2.0, tags=frozenset({"code"})),
    "d": ModelProfile(0.1, 0.1),
}
ALL = tuple(PROFILES)
CODE = policy("capability", tags=["code"])
CHEAP = policy("cost")
ROUTER = Router(intercept=0.0, embedding=(1.0,)).model_dump()
STAGES = st.lists(
    st.tuples(
        st.sampled_from(
            [CODE, CHEAP, policy("fixed"), policy("weighted", weights={"b": 0}), policy("healthy"), policy("latency")]
        ),
        st.none() | st.integers(1, 4),
    ),
    max_size=4,
)


def _choose(stages: Sequence[Stage], *models: str, **more: Any) -> Choice:
    return choose_through(stages, ask(*(models or ALL), profiles=PROFILES, **more))


def test_filter_then_choose_then_fall_back() -> None:
    choice = _choose([(CODE, None), (CHEAP, 1)])
    assert choice == Choice(("b",), ("c", "a"), "d lacks code; b is cheapest, at about $0.000256")


def test_those_that_came_furthest_are_the_first_reserves() -> None:
    choice = _choose([(policy("fixed"), 2), (CHEAP, 1)])
    assert (choice.models, choice.reserves) == (("b",), ("a", "c", "d"))


def test_a_reserve_is_never_one_that_a_later_stage_keeps_out() -> None:
    choice = _choose([(CHEAP, 2), (CODE, None)])
    assert (choice.models, choice.reserves) == (("b",), ("c", "a"))  # d is the cheapest, but lacks code
    other = _choose([(policy("fixed"), 2), (CODE, None)])
    assert (other.models, other.reserves) == (("a", "b"), ("c",))  # nor does d stand in


def test_nothing_left_is_an_empty_choice_with_the_reasons() -> None:
    choice = _choose([(policy("fixed"), 1), (policy("capability", tags=["law"]), None), (CHEAP, 1)], "a", "d")
    assert (choice.models, choice.reserves) == ((), ())
    assert choice.reason == "the first 1 of 2 as written; a lacks law"


def test_no_stage_at_all_keeps_everything() -> None:
    assert _choose([]) == Choice(ALL)


@given(STAGES, st.permutations(ALL), st.text(max_size=3))
def test_a_choice_is_of_the_models_without_repetition(stages: list[Stage], models: list[str], key: str) -> None:
    choice = _choose(stages, *models, key=key)
    assert len(set(everyone(choice))) == len(everyone(choice))
    assert set(everyone(choice)) <= set(models)
    assert choice.models or not choice.reserves


@given(STAGES, st.integers(0, 3), st.text(max_size=3))
def test_going_through_all_is_going_through_one_part_and_then_the_other(
    stages: list[Stage], cut: int, key: str
) -> None:
    whole, before = _choose(stages, key=key), _choose(stages[:cut], key=key)
    after = _choose(stages[cut:], *before.models, key=key) if before.models else before
    assert after.models == whole.models


@given(STAGES, st.text(max_size=3))
def test_a_stage_with_a_count_keeps_no_more(stages: list[Stage], key: str) -> None:
    counts = [count for _, count in stages if count is not None]
    assert len(_choose(stages, key=key).models) <= min(counts, default=len(ALL))


@given(STAGES, st.text(max_size=3))
def test_filters_that_come_twice_change_nothing(stages: list[Stage], key: str) -> None:
    once, twice = [(CODE, None), *stages], [(CODE, None), *stages, (CODE, None)]
    assert everyone(_choose(once, key=key)) == everyone(_choose(twice, key=key))


def test_what_a_later_stage_looks_up_is_of_the_models_that_are_left_for_it() -> None:
    semantic = policy("semantic", examples={"a": ["one"], "d": ["two"]})
    asking = ask(*ALL, profiles=PROFILES, text="t")
    lookup = lookup_through([(CODE, None), (semantic, 1)], asking)
    assert lookup is not None
    assert lookup.arguments["examples"] == {"a": ["one"]}
    assert lookup_through([(CODE, None), (CHEAP, 1), (semantic, 1)], asking) is None  # one is left: nothing to choose
    assert lookup_through([(policy("capability", tags=["law"]), None), (semantic, 1)], asking) is None
    assert lookup_through([(CODE, None)], asking) is None


def test_what_was_looked_up_reaches_the_stage_that_wanted_it() -> None:
    semantic = policy("semantic", examples={"a": ["one"], "c": ["two"]}, threshold=0.5)
    assert _choose([(CODE, None), (semantic, 1)], looked_up={"a": 0.6, "c": 0.9}).models == ("c",)


def test_a_cascade_goes_on_among_the_models_that_the_stages_before_it_left() -> None:
    stages: list[Stage] = [(CODE, None), (CHEAP, None), (policy("cascade", doubt=["unsure"]), 1)]
    asking = ask(*ALL, profiles=PROFILES)
    choice = choose_through(stages, asking)
    assert (choice.models, choice.reserves) == (("b",), ())
    further = more_through(stages, asking, ["b"], answers(("b", "unsure")))
    assert further == Choice(("c",), (), "b is in doubt (unsure): on to c")
    assert more_through(stages, asking, ["b"], answers(("b", "4"))) is None
    assert more_through(stages, asking, ["b", "c", "a"], answers(("b", "unsure"), ("c", "unsure"))) is None


def test_what_an_earlier_stage_left_does_not_stand_in_for_a_model_of_a_cascade() -> None:
    stages: list[Stage] = [(CHEAP, 2), (policy("cascade"), None)]
    asking = ask(*ALL, profiles=PROFILES)
    assert everyone(choose_through(stages, asking)) == ("d",)
    further = more_through(stages, asking, ["d"], answers(("d", None)))
    assert further is not None
    assert everyone(further) == ("b",)


def test_stages_after_a_cascade_may_refuse_where_it_wants_to_go() -> None:
    cascade = policy("cascade", stages=[["a"], ["b", "c"]])
    stages: list[Stage] = [(cascade, None), (policy("weighted", weights={"b": 0}), None)]
    further = more_through(stages, ask(), ["a"], answers(("a", None)))
    assert further is not None
    assert further.models == ("c",)
    strict: list[Stage] = [(cascade, None), (policy("weighted", weights={"b": 0, "c": 0}), None)]
    assert more_through(strict, ask(), ["a"], answers(("a", None))) is None


def test_without_a_cascade_nothing_more_is_asked() -> None:
    assert more_through([(CODE, None), (CHEAP, 1)], ask(*ALL, profiles=PROFILES), ["b"], answers(("b", None))) is None
    nobody: list[Stage] = [(policy("capability", tags=["law"]), None), (policy("cascade"), None)]
    assert more_through(nobody, ask(*ALL, profiles=PROFILES), ["a"], answers(("a", None))) is None


def test_complaints_of_all_stages_are_told() -> None:
    semantic = policy("semantic", examples={"x": ["one"]})
    learned = policy("learned", weak="a", strong="y", model=ROUTER)
    assert check_through([(CODE, None), (semantic, 1), (learned, 1)], MODELS) == (
        "examples names x, but the step's models are a, b, c; strong names y, but the step's models are a, b, c"
    )
    assert check_through([(CODE, None), (CHEAP, 1)], MODELS) is None


def test_two_policies_that_look_something_up_are_a_complaint() -> None:
    semantic = policy("semantic", examples={"a": ["one"]})
    learned = policy("learned", weak="a", strong="b", model=ROUTER)
    complaint = check_through([(semantic, None), (learned, 1)], MODELS)
    assert complaint == "only one policy of a step can look something up, not semantic and learned"
