"""What fusion is meant to do, on panels where it is known what can be done. Seeded; margins are 95 % intervals."""

from __future__ import annotations

import pytest

from bench.quality import fusion_settings
from bench.quality.intervals import gain
from bench.quality.report import Setting

SEED = 1


@pytest.fixture(scope="module")
def free_text() -> Setting:
    return fusion_settings.diverse_free(600, SEED)


@pytest.fixture(scope="module")
def one_family() -> Setting:
    return fusion_settings.kin(500, SEED)


def over(setting: Setting, better: str, worse: str) -> float:
    """Return the lower end of the interval of what `better` gains over `worse`."""
    return gain(setting.trials[better].right, setting.trials[worse].right).low


@pytest.mark.parametrize("strategy", ["vote", "consensus", "weighted"])
def test_counting_short_answers_beats_the_best_model(strategy: str) -> None:
    assert fusion_settings.diverse_short(400, SEED).against_best(strategy).low > 0.05


def test_taking_whoever_is_first_is_worth_one_of_them_by_lot() -> None:
    found = fusion_settings.diverse_short(1500, SEED)

    average = sum(model.accuracy for model in fusion_settings.DIVERSE.models) / 5
    assert found.trials["first"].right.mean() == pytest.approx(average, abs=0.04)


@pytest.mark.parametrize("strategy", ["consensus", "best-of-n", "best-of-n, pointwise", "rank-and-fuse"])
def test_meanings_and_judges_beat_the_best_model_in_free_text(free_text: Setting, strategy: str) -> None:
    assert free_text.against_best(strategy).low > 0


@pytest.mark.parametrize("strategy", ["synthesize", "synthesize, 2 layers"])
def test_what_is_rewritten_is_not_worse_than_the_best_model(free_text: Setting, strategy: str) -> None:
    assert free_text.against_best(strategy).mean > 0
    assert free_text.against_best(strategy).low > -0.02


def test_it_is_as_good_as_the_fuser(free_text: Setting) -> None:
    assert over(free_text, "synthesize", "synthesize by lot") > 0
    assert free_text.against_best("synthesize by lot").low < 0


@pytest.mark.parametrize("strategy", ["best-of-n", "best-of-n, pointwise"])
@pytest.mark.parametrize("rival", ["first", "vote"])
def test_a_judge_beats_lots_and_votes_in_free_text(free_text: Setting, strategy: str, rival: str) -> None:
    assert over(free_text, strategy, rival) > 0


def test_nothing_that_chooses_finds_what_nobody_said(free_text: Setting) -> None:
    most = free_text.trials["concat"].right

    for name, trial in free_text.trials.items():
        assert (trial.right <= most).all(), name


@pytest.mark.parametrize(
    ("strategy", "calls"), [("vote", 5), ("best-of-n", 25), ("best-of-n, pointwise", 10), ("synthesize, 2 layers", 11)]
)
def test_calls_are_as_many_as_documented(free_text: Setting, strategy: str, calls: int) -> None:
    assert set(free_text.trials[strategy].calls) == {calls}


def test_self_consistency_gains_ten_points() -> None:
    found = fusion_settings.self_consistency(500, SEED)

    assert found.best.right.mean() < 0.5  # right is plural, not the majority
    assert found.against_best("vote").low >= 0.10


def test_weighing_beats_counting_where_accuracies_differ_and_are_known() -> None:
    found = fusion_settings.unequal(2000, SEED)

    assert over(found, "weighted", "vote") > 0
    assert found.against_best("weighted").low > 0


def test_weak_models_of_one_family_outvote_a_strong_one_and_the_report_says_so(one_family: Setting) -> None:
    for strategy in ("vote", "weighted", "consensus", "synthesize"):
        assert one_family.against_best(strategy).high < 0, strategy
    verdicts = [line.split("|")[4].strip() for line in one_family.render().splitlines()[3:]]
    assert verdicts.count("worse") == 4


def test_there_the_strong_one_asked_several_times_does_better(one_family: Setting) -> None:
    assert one_family.against_best("vote, 5 samples of the best").low > 0
    assert one_family.against_best("synthesize, 5 samples of the best").high >= 0
    assert over(one_family, "synthesize, 5 samples of the best", "synthesize") > 0.1


def test_merging_field_by_field_beats_voting_on_whole_records() -> None:
    found = fusion_settings.records(400, SEED)

    assert over(found, "json-merge", "vote") > 0.05
    assert found.against_best("vote").low > 0
