"""Check a prompt against a model's capabilities; what is missing is refused, or dropped if a downgrade is allowed."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from app.errors import InvalidRequest
from app.models.base import Features, Model, Prompt
from app.schemas import demand
from topics.model_requests import Feature, Message, ModelRequest, Sampling

#: Sampling fields that are features of their own, whatever their value.
_NAMES: tuple[Feature, ...] = ("logprobs", "max_tokens", "reasoning_effort", "seed", "stop", "temperature", "top_p")
_BATCH: Features = frozenset({"batch"})
_SAMPLING = tuple((name, getattr(Sampling(), name)) for name in _NAMES)


def prompt_from(request: ModelRequest) -> Prompt:
    """Return the prompt of a request."""
    return Prompt(
        request.messages,
        request.sampling,
        request.tools,
        request.tool_choice,
        request.output_schema,
        request.tell_schema,
    )


def required_features(prompt: Prompt) -> Features:
    """Return the features that a prompt needs; a schema is not one, since every model is also told of it in words."""
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
    """Return the prompt fitted to what the model supports, and what was dropped, all of it in `downgrade`.

    With `batch`, the model must support batches too.

    Raises:
        InvalidRequest: the model lacks a required feature.
    """
    if prompt.schema and prompt.tell_schema and "schema" not in model.features:
        words = Message(role="system", content=demand(prompt.schema))
        prompt = replace(prompt, messages=(words, *prompt.messages))
    lacking = (required_features(prompt) | _BATCH if batch else required_features(prompt)) - model.features
    if not lacking:
        return prompt, ()
    refused = sorted(lacking.difference(downgrade))
    if refused:
        raise InvalidRequest(
            f"the {model.provider} model does not support {', '.join(refused)}: use another model, or allow dropping "
            f"with downgrade: [{', '.join(refused)}]",
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
