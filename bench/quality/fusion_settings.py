"""The settings in which fusion strategies are compared: panels, and what each of them shows.

Accuracies, correlations and costs are assumptions, made before any strategy had run: a handful of models of one
class within ten points, errors that correlate moderately, and judges that are right in four cases out of five,
about as often as people agree with them (L. Zheng et al., "Judging LLM-as-a-Judge", 2023).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from app.fusion.registry import get
from bench.quality.casting import proposer, with_actors
from bench.quality.fusing import Fusion, alone
from bench.quality.report import Setting
from bench.quality.simulation.exam import Exam, short
from bench.quality.simulation.panel import SimulatedModel, SimulatedPanel
from bench.quality.structured_answers import FIELDS, StructuredAnswers

#: Five models of one class, by five vendors.
DIVERSE = SimulatedPanel(tuple(SimulatedModel(f"m{place}", 0.70 - 0.02 * place) for place in range(5)))
#: One model whose right answer is the most frequent one, but not in the majority.
UNSURE = SimulatedPanel((SimulatedModel("solo", 0.42, shared=0.2, steady=0.2),), decoy=0.1)
#: One good model and four that are not, of different makers, with known accuracies.
UNEQUAL = SimulatedPanel(
    (SimulatedModel("large", 0.85), *(SimulatedModel(f"small{place}", 0.60) for place in range(4)))
)
#: The same, but the four are of one family: their errors are highly correlated, including decoys.
KIN = SimulatedPanel(
    (
        SimulatedModel("large", 0.85, cost=4),
        *(SimulatedModel(f"small{at}", 0.5, family="s", kin=0.7) for at in range(4)),
    ),
    decoy=0.8,
)


def diverse_short(n: int, seed: int) -> Setting:
    """Short answers can be equal: counting them helps, and weights add little for similar models."""
    fusion = Fusion(DIVERSE.draw(n, _lots(seed)), Exam(seed), short)
    strategies = {
        "first": get("first"),
        "vote": get("vote"),
        "consensus": get("consensus"),
        "weighted": _weighted(DIVERSE),
    }
    notes = {"first": "the fastest, drawn by lot", "consensus": "by equal text", "weighted": "accuracies given"}
    trials = {name: fusion.trial(strategy) for name, strategy in strategies.items()}
    return Setting("Five models alike, short answers", alone(fusion.outcomes), trials, notes)


def diverse_free(n: int, seed: int, *, bias: float = 0.5) -> Setting:
    """Free text: no two answers are equal, so meanings must be compared, or a model must judge."""
    outcomes, exam = DIVERSE.draw(n, _lots(seed)), Exam(seed)
    fusion = with_actors(outcomes, exam, bias=bias)
    again = {"layers": 2, "proposers": [proposer(name) for name in DIVERSE.names]}
    strategies = {
        "first": get("first"),
        "vote": get("vote"),
        "consensus": get("consensus"),
        "best-of-n": get("best-of-n", {"judge": "judge"}),
        "best-of-n, pointwise": get("best-of-n", {"judge": "scorer", "mode": "pointwise"}),
        "rank-and-fuse": get("rank-and-fuse", {"judge": "judge", "fuser": "fuser"}),
        "synthesize": get("synthesize", {"aggregator": "fuser"}),
        "synthesize by lot": get("synthesize", {"aggregator": "fuser by lot"}),
        "synthesize, 2 layers": get("synthesize", {"aggregator": "fuser", **again}),
    }
    notes = {
        "first": "the fastest, drawn by lot",
        "vote": "all differ",
        "synthesize by lot": "a fuser that ignores agreement",
        "concat": "right if any is: the upper bound",
    }
    trials = {name: fusion.trial(strategy) for name, strategy in strategies.items()}
    trials["concat"] = fusion.trial(get("concat"), among=True)
    return Setting("Five models alike, free text", alone(fusion.outcomes), trials, notes)


def self_consistency(n: int, seed: int, *, samples: int = 15) -> Setting:
    """One model asked many times: its most frequent answer is right more often than a single one."""
    fusion = Fusion(UNSURE.draw(n, _lots(seed), samples=samples), Exam(seed), short)
    trials = {"vote": fusion.trial(get("vote"))}
    return Setting(f"One model, {samples} samples", alone(fusion.outcomes), trials)


def unequal(n: int, seed: int) -> Setting:
    """Accuracies differ and are known: votes must be weighted."""
    fusion = Fusion(UNEQUAL.draw(n, _lots(seed)), Exam(seed), short)
    trials = {"vote": fusion.trial(get("vote")), "weighted": fusion.trial(_weighted(UNEQUAL))}
    return Setting("One good model and four that are not", alone(fusion.outcomes), trials)


def kin(n: int, seed: int) -> Setting:
    """Where fusion does not help: the weak models agree with each other, and outvote the strong one.

    Asking the strong one several times does better (W. Li et al., "Rethinking Mixture-of-Agents", 2025: Self-MoA).
    """
    outcomes, exam = KIN.draw(n, _lots(seed), samples=5), Exam(seed)
    once = replace(outcomes, said=outcomes.said[:, :, :1])
    solo = replace(outcomes, panel=replace(KIN, models=KIN.models[:1]), said=outcomes.said[:, :1])
    mixed, free_solo = (with_actors(which, exam) for which in (once, solo))
    synthesize = get("synthesize", {"aggregator": "fuser"})
    trials = {
        "vote": Fusion(once, exam, short).trial(get("vote")),
        "weighted": Fusion(once, exam, short).trial(_weighted(KIN)),
        "consensus": mixed.trial(get("consensus")),
        "synthesize": mixed.trial(synthesize),
        "vote, 5 samples of the best": Fusion(solo, exam, short).trial(get("vote")),
        "synthesize, 5 samples of the best": free_solo.trial(synthesize),
    }
    return Setting("One good model and four of one family that are not", alone(once), trials)


def records(n: int, seed: int) -> Setting:
    """Structured answers: whole records are voted on, or merged field by field."""
    exam = StructuredAnswers(DIVERSE.draw(n, _lots(seed), samples=FIELDS), Exam(seed))
    merge = get("json-merge", {"lists": "vote"})
    trials = {"vote": exam.trial(get("vote")), "json-merge": exam.trial(merge)}
    notes = {"vote": "on whole records", "json-merge": "field by field"}
    return Setting(f"Records of {FIELDS} fields, right when all are", exam.best(), trials, notes)


SETTINGS = (diverse_short, diverse_free, self_consistency, unequal, kin, records)


def _weighted(panel: SimulatedPanel) -> Any:
    accuracies: Mapping[str, float] = {model.name: model.accuracy for model in panel.models}
    return get("weighted", {"accuracies": accuracies, "choices": panel.options})


def _lots(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)
