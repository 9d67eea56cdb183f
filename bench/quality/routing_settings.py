"""The settings in which routing policies are compared with calling the best model for everything."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from app import vectors
from app.fusion.base import Candidate
from app.fusion.registry import get as get_strategy
from app.routing import fitting
from app.routing.base import ModelProfile
from app.routing.chain import Stage
from app.routing.registry import get
from bench.quality.fusing import alone
from bench.quality.report import Setting
from bench.quality.routing import Routing
from bench.quality.simulation.exam import Exam
from bench.quality.simulation.panel import SimulatedModel, SimulatedPanel
from bench.quality.simulation.queries import Queries
from bench.quality.simulation.seeded_random import seeded_uniform

_SMALL = ("small-a", "small-b", "small-c")
#: Three small models, and a large one that costs 25 times as much.
PRICED = SimulatedPanel(
    (
        *(SimulatedModel(name, 0.78 - 0.01 * place, shared=0.5) for place, name in enumerate(_SMALL)),
        SimulatedModel("large", 0.92, shared=0.5, cost=25),
    )
)
TOPICS = ("law", "art", "chemistry")
#: A model that is fair at everything, and three that are each good at one topic.
SPECIALISED = SimulatedPanel(
    (SimulatedModel("general", 0.72), *(SimulatedModel(topic, 0.55, accuracies={topic: 0.85}) for topic in TOPICS)),
    topics=TOPICS,
)
#: A good model that only takes short texts, so that it fails on long ones, and a costly one that takes all.
CONTEXTS = SimulatedPanel(
    (SimulatedModel("narrow", 0.80, accuracies={"reports": 0.01}), SimulatedModel("wide", 0.75, cost=5)),
    topics=("notes", "reports"),
)

#: How often a check passes a right answer, and a wrong one.
_PASSES, _MISSES = 0.9, 0.2


def priced(n: int, seed: int) -> Setting:
    """Cheap models where they suffice, and the large one elsewhere: nearly its accuracy at a fraction of its cost."""
    routing = _routing(PRICED, n, seed)
    checked = replace(routing, fusion=get_strategy("first"), look=_check)
    pair = ("small-a", "large")
    trials = {
        "round-robin, of all": routing.trial(_one("round-robin")),
        "weighted, 7 in 10 small": routing.trial(_one("weighted", weights={"small-a": 7, "large": 3}), models=pair),
        "cost": routing.trial(_one("cost")),
        "cascade, 2 agree": routing.trial(_cascade(_SMALL[:2], confidence=1), models=(*_SMALL[:2], "large")),
        "cascade, 2 of 3 agree": routing.trial(_cascade(_SMALL, confidence=0.6)),
        "cascade, checked": checked.trial(_cascade(pair[:1], check="data.passes"), models=pair),
        "learned": routing.trial(_one("learned", **learn(n, seed + 1)), models=pair),
    }
    best = alone(routing.outcomes)
    notes = {name: f"{trial.right.mean() / best.right.mean():.1%} of the best" for name, trial in trials.items()}
    return Setting("A large model, and small ones at 1/25 of its price", best, trials, notes)


def specialised(n: int, seed: int) -> Setting:
    """Models that are good at different topics: each question goes to the one with the most similar examples."""
    routing = _routing(SPECIALISED, n, seed)
    examples = {topic: [f"A question about {topic}.", f"What does the {topic} of today say?"] for topic in TOPICS}
    trials = {
        "round-robin": routing.trial(_one("round-robin")),
        "semantic": routing.trial(_one("semantic", examples=examples, default="general")),
    }
    return Setting("One model for all topics, and one for each", alone(routing.outcomes), trials)


def contexts(n: int, seed: int) -> Setting:
    """Models with different limits: the cheapest of those that can take the question."""
    routing = _routing(CONTEXTS, n, seed, long="reports")
    narrow, wide = (
        replace(routing.profiles[name], context_tokens=size) for name, size in (("narrow", 500), ("wide", 50_000))
    )
    routing = replace(routing, profiles={"narrow": narrow, "wide": wide})
    trials = {
        "cost": routing.trial(_one("cost")),
        "capability, cost": routing.trial((get("capability"), None), _one("cost")),
    }
    return Setting("A good model for short texts, a costly one for all", alone(routing.outcomes), trials)


def learn(n: int, seed: int) -> dict[str, Any]:
    """Return the options of a router fitted on `n` separate questions."""
    outcomes = PRICED.draw(n, np.random.default_rng(seed))
    queries = Queries(outcomes, seed)
    weak, strong = (outcomes.right[:, PRICED.names.index(name), 0] for name in ("small-a", "large"))
    texts = [queries.text(question) for question in range(n)]
    samples = [
        fitting.Sample(text, float(w), float(s), weak_cost=1, strong_cost=25)
        for text, w, s in zip(texts, weak, strong, strict=True)
    ]
    embedded = np.array([vectors.decode(str(queries.connect("embed", {"text": text}))) for text in texts])
    fitted = fitting.fit(samples, embedded, embedder="simulated")
    return {"weak": "small-a", "strong": "large", "model": fitted.router.model_dump()}


ROUTES = (priced, specialised, contexts)


def _routing(panel: SimulatedPanel, n: int, seed: int, long: str = "") -> Routing:
    outcomes = panel.draw(n, np.random.default_rng(seed))
    prices = {model.name: ModelProfile(input_price=model.cost, output_price=4 * model.cost) for model in panel.models}
    return Routing(outcomes, Exam(seed), Queries(outcomes, seed, long=long), get_strategy("vote"), prices)


def _one(policy: str, **options: Any) -> Stage:
    return get(policy, options), 1


def _cascade(first: tuple[str, ...], **options: Any) -> Stage:
    return get("cascade", {"stages": [first, ["large"]], **options}), None


def _check(question: int, candidate: Candidate, right: bool) -> Candidate:  # noqa: FBT001  # as Routing.look has it
    passes = seeded_uniform("check", question, candidate.branch) < (_PASSES if right else _MISSES)
    return replace(candidate, data={"passes": passes})
