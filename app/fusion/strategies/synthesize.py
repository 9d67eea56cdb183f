"""Have one answer written from all, in one or several layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import BaseModel, Field, field_validator, model_validator

from app.fusion.base import Calls, Candidate, Fused, Panel, StrategyOptions, ranked
from app.fusion.calls import missing
from app.fusion.counting import Count, count
from app.fusion.election import agreement, chosen, elected
from app.fusion.writing import Writer, written

_LABEL = "aggregate"


class SynthesizeOptions(StrategyOptions):
    """Who writes, and in how many layers."""

    aggregator: str = Field(min_length=1, description="the model that writes the answer", examples=["big"])
    layers: int = Field(default=1, ge=1, le=10, description="of answers, the step's own included")
    proposers: tuple[str, ...] = Field(
        default=(), description="the models of further layers", examples=[["small", "medium"]]
    )
    temperature: float | None = Field(default=None, ge=0, le=2, description="of all of them")
    max_tokens: int | None = Field(default=None, ge=1, description="that each answer may take")

    @field_validator("proposers")
    @classmethod
    def _distinct(cls, proposers: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(proposers)) < len(proposers):  # a call is named by its model
            raise ValueError("names a model twice")
        return proposers

    @model_validator(mode="after")
    def _layered(self) -> SynthesizeOptions:
        if (self.layers > 1) != bool(self.proposers):
            raise ValueError("layers above 1 need proposers, and proposers need layers above 1")
        return self


class Synthesize:
    """One new answer that a model writes from all answers: for open questions, where each answer has something to add.

    Mixture of agents (Wang et al., 2024). The step's models are the first layer; in each further one all `proposers`
    answer again, and are given all answers of the layer before; the `aggregator` makes one answer of the last.
    (layers - 1) * proposers + 1 calls. If the aggregator fails, the most frequent of the first answers is taken.
    Agreement is the share of the most frequent answer.
    """

    name: ClassVar[str] = "synthesize"
    Options: ClassVar[type[BaseModel]] = SynthesizeOptions
    needs_embeddings = False

    def __init__(self, options: SynthesizeOptions) -> None:
        self._layers = options.layers
        self._aggregator = Writer(options.aggregator, options.temperature, options.max_tokens)
        self._proposers = [Writer(model, options.temperature, options.max_tokens) for model in options.proposers]
        self.models: tuple[str, ...] = tuple(dict.fromkeys((*options.proposers, options.aggregator)))

    def fuse(self, panel: Panel) -> Fused | Calls:
        """Return the calls of the first layer that is not answered, and at last the answer."""
        pool = ranked(panel.candidates, panel.order)
        counted = count(pool)
        if len(counted.answers) == 1:
            return chosen(counted, pool[0], "the only answer")
        answers, lost = [candidate.text for candidate in pool], 0
        for number in range(2, self._layers + 1):
            layer = [writer.call(panel, f"layer {number} {writer.model}", answers) for writer in self._proposers]
            if unanswered := missing(panel, layer):
                return Calls(unanswered)
            new = [found.text for call in layer if (found := written(panel, call.label))]
            answers, lost = new or answers, lost + len(layer) - len(new)
        if unanswered := missing(panel, [self._aggregator.call(panel, _LABEL, answers)]):
            return Calls(unanswered)
        return self._outcome(panel, counted, len(answers), lost)

    def decided(self, candidates: Sequence[Candidate], outstanding: int) -> bool:  # noqa: ARG002  # the port's
        """Return True when none is outstanding: every answer is read."""
        return outstanding == 0

    def _outcome(self, panel: Panel, counted: Count, used: int, lost: int) -> Fused:
        model, note = self._aggregator.model, f"; {lost} proposals failed" if lost else ""
        if (new := written(panel, _LABEL)) is None:
            return elected(counted, f"{model} could not fuse, so answers were counted{note}; ")
        layers = f" of layer {self._layers}" if self._layers > 1 else ""
        reason = f"{model} wrote it from {used} answers{layers}{note}"
        return Fused(new.text, "", agreement(counted), reason, groups=counted.groups, data=new.data)
