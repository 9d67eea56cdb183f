"""`semantic`: the model whose examples are most like what is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar

from pydantic import BaseModel, Field, JsonValue

from app.routing.base import Choice, Lookup, PolicyOptions, RoutingRequest, SinglePassPolicy
from app.routing.choosing import unknown

Utterances = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]


class SemanticOptions(PolicyOptions):
    """Options of `semantic`."""

    examples: dict[str, Utterances] = Field(
        min_length=1,
        description="for each model, texts like those that it should get",
        examples=[{"coder": ["why does this loop not end?"], "writer": ["a toast for a wedding"]}],
    )
    threshold: float = Field(
        default=0.3, ge=-1, le=1, description="the least cosine at which a text is like an example"
    )
    default: str | None = Field(
        default=None, description="the model for a text like none of them; when left out, the first of the step"
    )


class Semantic(SinglePassPolicy):
    """The model whose examples are nearest in meaning; a default where nothing is near enough."""

    name: ClassVar[str] = "semantic"
    Options: ClassVar[type[BaseModel]] = SemanticOptions

    def __init__(self, options: SemanticOptions) -> None:
        self._options = options

    def check(self, models: Sequence[str]) -> str | None:
        """Return an error when an example or the default names a model that the step does not have."""
        default = (self._options.default,) if self._options.default else ()
        return unknown("examples", self._options.examples, models) or unknown("default", default, models)

    def lookup(self, request: RoutingRequest) -> Lookup | None:
        """Ask the connector `similarity` for the best cosine of each model's examples; nothing if none is present."""
        examples: dict[str, JsonValue] = {
            model: list(texts) for model, texts in self._options.examples.items() if model in request.models
        }
        if len(request.models) == 1 or not examples:
            return None
        return Lookup("similarity", {"text": request.text, "examples": examples})

    def choose(self, request: RoutingRequest) -> Choice:
        """Return the models that are near enough, the nearest first; all others are reserves, the default first."""
        scores = _scores(request)
        near = [model for model in request.models if scores.get(model, -2.0) >= self._options.threshold]
        near.sort(key=lambda model: -scores[model])
        default = self._options.default if self._options.default in request.models else request.models[0]
        rest = sorted(request.models, key=lambda model: (model != default, -scores.get(model, -2.0)))
        chosen = (near or [default])[: request.count]
        others = (*near[request.count :], *(model for model in rest if model not in near))
        return Choice(
            tuple(chosen), tuple(model for model in others if model not in chosen), _reason(near, scores, default)
        )


def _scores(request: RoutingRequest) -> Mapping[str, float]:
    """Return the cosines that were looked up, of the models that there are; nothing when that failed."""
    if not isinstance(request.looked_up, dict):
        return {}
    found = request.looked_up.items()
    return {model: float(score) for model, score in found if model in request.models and isinstance(score, int | float)}


def _reason(near: Sequence[str], scores: Mapping[str, float], default: str) -> str:
    if not scores:
        return f"nothing could be compared, so {default} as the default"
    if not near:
        best = max(scores, key=scores.__getitem__)
        return f"nothing is near enough ({best} at {scores[best]:.2f}), so {default} as the default"
    return f"nearest to the examples of {near[0]} ({scores[near[0]]:.2f})"
