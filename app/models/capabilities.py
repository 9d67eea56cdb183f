"""Whether a model can do what a prompt wants; what it cannot do is refused by name, or left out if that is allowed."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from app.errors import InvalidRequest
from app.models.base import Features, Model, Prompt
from topics.model_requests import Feature, ModelRequest, Sampling

#: Where a field of the sampling is a feature of its own, whatever its value.
_NAMES: tuple[Feature, ...] = ("logprobs", "max_tokens", "reasoning_effort", "seed", "stop", "temperature", "top_p")
_BATCH: Features = frozenset({"batch"})
_SAMPLING = tuple((name, getattr(Sampling(), name)) for name in _NAMES)


def prompt_from(request: ModelRequest) -> Prompt:
    """Return what a request asks."""
    return Prompt(request.messages, request.sampling, request.tools, request.tool_choice, request.output_schema)


def required_features(prompt: Prompt) -> Features:
    """Return the features that a prompt needs; a schema is none: every model is told of it in words, too."""
    return frozenset(_required(prompt))


def _required(prompt: Prompt) -> Iterator[Feature]:
    sampling = prompt.sampling
    yield from (name for name, absent in _SAMPLING if getattr(sampling, name) != absent)
    if prompt.tools:
        yield "tools"
    if any(message.images for message in prompt.messages):
        yield "images"


def adapt_prompt(
    prompt: Prompt, model: Model, downgrade: Collection[Feature] = (), *, batch: bool = False
) -> tuple[Prompt, tuple[Feature, ...]]:
    """Return the prompt as the model can be asked it, and what was left out of it, which is in `downgrade`.

    With `batch`, it is wanted too that the prompt can be asked in a batch.

    Raises:
        InvalidRequest: the model cannot do what is wanted.
    """
    lacking = (required_features(prompt) | _BATCH if batch else required_features(prompt)) - model.features
    if not lacking:
        return prompt, ()
    refused = sorted(lacking.difference(downgrade))
    if refused:
        raise InvalidRequest(
            f"the {model.provider} model has no {', '.join(refused)}: ask another model, or allow it to be left out "
            f"(downgrade: [{', '.join(refused)}])",
            provider=model.provider,
        )
    return _without(prompt, lacking), tuple(sorted(lacking))


def _without(prompt: Prompt, lacking: Features) -> Prompt:
    sampling = prompt.sampling.model_copy(update={name: absent for name, absent in _SAMPLING if name in lacking})
    messages = prompt.messages
    if "images" in lacking:
        messages = tuple(message.model_copy(update={"images": ()}) for message in messages)
    tools = () if "tools" in lacking else prompt.tools
    return replace(prompt, sampling=sampling, messages=messages, tools=tools)
