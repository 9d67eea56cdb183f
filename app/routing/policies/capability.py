"""`capability`: the models that can do what is asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar

from pydantic import BaseModel, BeforeValidator, Field

from app.routing.base import Choice, ModelProfile, PolicyOptions, RoutingRequest, SinglePassPolicy
from app.routing.choosing import first


def _several(value: object) -> object:
    return (value,) if isinstance(value, str) else value


OneOrMore = Annotated[tuple[str, ...], BeforeValidator(_several, json_schema_input_type=str | tuple[str, ...])]


class CapabilityOptions(PolicyOptions):
    """Options of `capability`."""

    tags: OneOrMore = Field(default=(), description="the model must have all of these", examples=[["code"]])
    min_context: int | None = Field(
        default=None, ge=1, description="tokens that the model must at least be able to read"
    )
    tools: bool = Field(default=False, description="whether the model must be able to call tools")
    region: OneOrMore = Field(
        default=(), description="the model must run in one of these", examples=["eu", ["eu", "ch"]]
    )


class Capability(SinglePassPolicy):
    """Only models that have the tags, context, tools and region; never one whose context the prompt exceeds.

    A context or region that is not known does not fulfil a demand for it.
    """

    name: ClassVar[str] = "capability"
    Options: ClassVar[type[BaseModel]] = CapabilityOptions

    def __init__(self, options: CapabilityOptions) -> None:
        self._options = options

    def choose(self, request: RoutingRequest) -> Choice:
        """Return those that qualify, in the written order; the reason says why the others do not."""
        missing = {
            model: list(self._missing(request.tokens, request.profiles.get(model, ModelProfile())))
            for model in request.models
        }
        able = [model for model in request.models if not missing[model]]
        others = "; ".join(f"{model} {' and '.join(lacks)}" for model, lacks in missing.items() if lacks)
        return first(request, able, others or "all qualify")

    def _missing(self, tokens: int, profile: ModelProfile) -> Iterator[str]:
        """Yield what a model lacks, as the ends of sentences that begin with its name."""
        wanted, context = self._options, profile.context_tokens
        if lacking := sorted(set(wanted.tags) - profile.tags):
            yield f"lacks {', '.join(lacking)}"
        if wanted.tools and not profile.tools:
            yield "cannot call tools"
        if wanted.region and profile.region not in wanted.region:
            yield f"runs in {profile.region or 'an unknown region'}"
        if wanted.min_context is not None and (context or 0) < wanted.min_context:
            yield f"reads {context or 'an unknown number of'} tokens"
        elif context is not None and tokens > context:
            yield f"reads only {context} of the prompt's {tokens} tokens"
