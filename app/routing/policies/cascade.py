"""`cascade`: cheap models first, better ones only where the cheap ones are not good enough."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import AfterValidator, BaseModel, Field, field_validator

from app.errors import ConfigurationError, ExpressionError
from app.expressions.expression import Expression
from app.normalization import answer_form
from app.patterns import Pattern
from app.routing.base import Choice, Lookup, ModelAnswer, PolicyOptions, RoutingRequest
from app.routing.choosing import unknown

_NAMES = frozenset({"answer", "data"})

Stage = tuple[str, ...]


def _compiles(pattern: str) -> str:
    Pattern(pattern)
    return pattern


class CascadeOptions(PolicyOptions):
    """Options of `cascade`."""

    stages: tuple[Annotated[Stage, Field(min_length=1)], ...] = Field(
        default=(),
        description="models to ask at once, stage after stage, the cheapest first; when left out, one model after "
        "the other in the order of the step",
        examples=[[["small", "tiny"], ["large"]]],
    )
    check: str | None = Field(
        default=None,
        min_length=1,
        description="a CEL condition on `answer`, the text, and `data`, the JSON: where it is false, or cannot be "
        "evaluated, the next stage is asked",
        examples=["size(answer) > 20", "data.confidence >= 0.8"],
    )
    confidence: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="the share of a stage's answers that must be the same; for `samples`, or stages of several models",
    )
    doubt: tuple[Annotated[str, AfterValidator(_compiles)], ...] = Field(
        default=(),
        description="regular expressions (RE2), whatever the case: where the answer has one, the next stage is asked",
        examples=[["I don't know", "not sure"]],
    )

    @field_validator("stages")
    @classmethod
    def _distinct(cls, stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
        for model, times in Counter(model for stage in stages for model in stage).items():
            if times > 1:
                raise ValueError(f"{model} is in two places")
        return stages


class Cascade:
    """The cheapest stage first, and the next one only when an answer fails, is in doubt, or is not agreed on.

    Sources: L. Chen, M. Zaharia, J. Zou, "FrugalGPT", 2023; for agreement as the measure of confidence, M. Yue
    et al., "Large Language Model Cascades with Mixture of Thoughts Representations", ICLR 2024.
    """

    name: ClassVar[str] = "cascade"
    Options: ClassVar[type[BaseModel]] = CascadeOptions

    def __init__(self, options: CascadeOptions) -> None:
        self._options = options
        self._check = _condition(options.check)
        self._doubt = [Pattern(pattern, ignore_case=True) for pattern in options.doubt]

    def check(self, models: Sequence[str]) -> str | None:
        """Return an error when stages and models are not the same."""
        named = [model for stage in self._options.stages for model in stage]
        if complaint := unknown("stages", named, models):
            return complaint
        left_out = sorted(set(models) - set(named)) if named else []
        return f"stages leaves out {', '.join(left_out)}: it would never be asked" if left_out else None

    def lookup(self, request: RoutingRequest) -> Lookup | None:  # noqa: ARG002  # the port's signature
        """Return None: everything is known."""
        return None

    def choose(self, request: RoutingRequest) -> Choice:
        """Return the first stage, without reserves: whether a failure matters, `more` says."""
        first = self._stages(request)[0]
        return Choice(first, (), f"{', '.join(first)} first, as the cheapest")

    def more(self, request: RoutingRequest, asked: Sequence[str], answers: Sequence[ModelAnswer]) -> Choice | None:
        """Return the next stage when the answers of the last one are not good enough."""
        last = next((stage for stage in self._options.stages if asked[-1] in stage), (asked[-1],))
        problem = self._problem([answer for answer in answers if answer.model in last])
        left = [rest for stage in self._stages(request) if (rest := tuple(one for one in stage if one not in asked))]
        return Choice(left[0], (), f"{problem}: on to {', '.join(left[0])}") if problem and left else None

    def _stages(self, request: RoutingRequest) -> list[Stage]:
        """Return the stages with the models that there are, none larger than `request.count`."""
        present = [tuple(model for model in stage if model in request.models) for stage in self._options.stages]
        named = {model for stage in present for model in stage}
        alone = [(model,) for model in request.models if model not in named]
        return [
            stage[at : at + request.count] for stage in (*present, *alone) for at in range(0, len(stage), request.count)
        ]

    def _problem(self, answers: Sequence[ModelAnswer]) -> str | None:
        """Return why the answers of a stage do not do; None when they do. Those that failed agree with nothing."""
        given = [(answer_form(one.text, one.data), one.text, one) for one in answers if one.text is not None]
        if not given:
            return "no answer"
        (most, times), *_ = Counter(form for form, _, _ in given).most_common(1)
        text, leading = next((text, one) for form, text, one in given if form == most)
        agreed = times / len(answers)
        if self._options.confidence is not None and agreed < self._options.confidence:
            return f"only {agreed:.0%} of the answers agree"
        return self._objection(text, leading)

    def _objection(self, text: str, answer: ModelAnswer) -> str | None:
        for pattern in self._doubt:
            if pattern.found_in(text):
                return f"{answer.model} is in doubt ({pattern.source})"
        if self._check is not None and not _holds(self._check, text, answer):
            return f"the answer of {answer.model} does not pass the check"
        return None


def _condition(source: str | None) -> Expression | None:
    if source is None:
        return None
    expression = Expression(source, where="routing policy cascade: check")
    if strangers := sorted(expression.roots - _NAMES):
        raise ConfigurationError(
            f"routing policy cascade: check: {', '.join(strangers)} is not known here; there are answer and data"
        )
    return expression


def _holds(check: Expression, text: str, answer: ModelAnswer) -> bool:
    try:
        return check.evaluate({"answer": text, "data": answer.data}) is True
    except ExpressionError:
        return False  # such as a field that the answer's JSON does not have
