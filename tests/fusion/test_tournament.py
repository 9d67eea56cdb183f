from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction
from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from app.fusion.base import Call, Candidate, Panel
from app.fusion.conformance import Model
from app.fusion.judging import Judge, JudgeOptions, pair_label
from app.fusion.tournament import Standings, pair_calls, standings
from tests.fusion.panels import candidates, panel, prefers, says, shown

JUDGE = Judge(JudgeOptions(judge="big"))


def judged(contestants: list[Candidate], model: Model) -> tuple[Panel, Standings]:
    given = panel()
    replies = {call.label: model(call) for call in pair_calls(given, contestants, JUDGE)}
    given = replace(given, replies=replies)
    return given, standings(given, contestants)


def test_every_pair_is_asked_in_both_orders() -> None:
    calls = pair_calls(panel(), candidates("x", "y", "z"), JUDGE)
    assert sorted(call.label for call in calls) == sorted(
        f"judge {one} {other}" for one in "abc" for other in "abc" if one != other
    )
    assert [tuple(shown(call).values()) for call in calls][:2] == [("x", "y"), ("x", "z")]


def test_who_wins_more_pairs_stands_higher() -> None:
    _, found = judged(candidates("x", "y", "z"), prefers("z", "x", "y"))
    assert [one.branch for one in found.order] == ["c", "a", "b"]
    assert found.shares == (Fraction(1), Fraction(1, 2), Fraction(0))
    assert (found.flipped, found.read, found.asked, found.note) == (0, 6, 6, "")


def test_two_failed_verdicts_are_ties_and_told() -> None:
    _, found = judged(candidates("x", "y"), says(None))
    assert (found.shares, found.read) == ((Fraction(1, 2),) * 2, 0)
    assert "2 of 2 verdicts failed" in found.note


def test_one_verdict_of_two_is_not_enough() -> None:
    contestants = candidates("x", "y")
    given = replace(panel(), replies={pair_label(*contestants): '{"winner": "A"}'})
    found = standings(given, contestants)
    assert (found.shares, found.flipped, found.read) == ((Fraction(1, 2),) * 2, 0, 1)


@settings(deadline=None)
@given(st.sampled_from(["A", "B", "tie"]), st.integers(2, 5), st.randoms(use_true_random=False))
def test_a_judge_that_goes_by_position_alone_changes_nothing(letter: str, size: int, shuffle: random.Random) -> None:
    contestants = candidates(*"vwxyz"[:size])
    shuffle.shuffle(contestants)
    _, found = judged(contestants, says(f'{{"winner": "{letter}"}}'))
    assert list(found.order) == contestants
    assert set(found.shares) == {Fraction(1, 2)}
    assert found.flipped == (0 if letter == "tie" else size * (size - 1) // 2)


@settings(deadline=None)
@given(
    quality=st.lists(st.integers(0, 3), min_size=2, max_size=5),
    bias=st.integers(0, 4),
    favoured=st.sampled_from(["A", "B"]),
)
def test_bias_for_a_position_turns_wins_into_ties_and_never_into_losses(
    quality: list[int], bias: int, favoured: str
) -> None:
    contestants = candidates(*(f"{place} of quality {worth}" for place, worth in enumerate(quality)))
    worth = {one.text: quality[place] for place, one in enumerate(contestants)}

    def judge(call: Call) -> str:
        seen = {letter: worth[text] + (bias if letter == favoured else 0) for letter, text in shown(call).items()}
        best = max(seen.values())
        tied = len({*seen.values()}) == 1
        return f'{{"winner": "{"tie" if tied else next(letter for letter in seen if seen[letter] == best)}"}}'

    given, found = judged(contestants, judge)
    shares = dict(zip((one.branch for one in found.order), found.shares, strict=True))
    for one, other in combinations(contestants, 2):
        better, worse = sorted((one, other), key=lambda c: -worth[c.text])
        pair = standings(given, [better, worse])
        clear = worth[better.text] - worth[worse.text] > bias
        assert pair.shares[0] == (1 if clear else Fraction(1, 2))
        assert pair.order[0] is better
        assert shares[better.branch] >= shares[worse.branch]
