"""What an `ask` step asks for beside text: images, tool calls, and streaming."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from app.errors import ConfigurationError
from app.expressions.interpolation import OPENING
from app.routing import registry as routing
from app.routing.base import SinglePassPolicy
from app.schemas import Schema
from app.source.problems import Key
from app.suggestions import did_you_mean
from app.workflows.checks.base import Finding
from app.workflows.definition.steps import AskStep
from app.workflows.kinds.ask_images import MAX_IMAGES, is_image

_CHOICES = ("auto", "none", "required")


def check(key: Key, step: AskStep) -> Iterator[Finding]:
    """Find what the step at `key` cannot ask for."""
    yield from _images((*key, "images"), step)
    yield from _tools(key, step)
    if step.stream:
        yield from _stream(key, step)


def _images(key: Key, step: AskStep) -> Iterator[Finding]:
    if step.images and not step.prompt:
        yield Finding(key, "go with a prompt, and there is none; give them to one of the `messages`")
    images = step.images if isinstance(step.images, tuple) else (step.images,)
    if len(images) > MAX_IMAGES:
        yield Finding(key, f"has {len(images)} images; a prompt may have {MAX_IMAGES}")
    for place, url in enumerate(images):
        if OPENING not in url and not is_image(url):
            at = (*key, place) if isinstance(step.images, tuple) else key
            yield Finding(
                at, "is neither https://…, nor data:image/png;base64,…, nor a value such as ${{ input.image }}"
            )


def _tools(key: Key, step: AskStep) -> Iterator[Finding]:
    names = [tool.name for tool in step.tools]
    for place, tool in enumerate(step.tools):
        if tool.name in names[:place]:
            yield Finding((*key, "tools", place, "name"), f"two tools are called {tool.name}")
        try:
            Schema(tool.parameters, where="it")
        except ConfigurationError as error:
            yield Finding((*key, "tools", place, "parameters"), str(error).removeprefix("it: "))
    if step.tool_choice not in (*_CHOICES, *names):
        hint = did_you_mean(step.tool_choice, (*_CHOICES, *names))
        yield Finding((*key, "tool_choice"), f"there is no tool called {step.tool_choice}; {hint}")
    elif step.tool_choice != "auto" and not step.tools:
        yield Finding((*key, "tool_choice"), "there are no `tools` to choose from")
    if step.tools and step.fusion.strategy != "first":
        text = "compares texts, which an answer with tool calls may not have: use `first` for a step with `tools`"
        yield Finding((*key, "fusion"), text)


def _stream(key: Key, step: AskStep) -> Iterator[Finding]:
    """Find what would make several answers: a reader can follow only one."""
    if step.batch:
        yield Finding((*key, "batch"), "a step with `stream` shows its answer while it is made, which a batch cannot")
    if step.samples > 1:
        yield Finding((*key, "samples"), "a step with `stream` makes one answer; leave `samples` out")
    if step.fusion.strategy != "first":
        yield Finding((*key, "fusion"), "a step with `stream` shows one model's answer: its fusion is `first`")
    if step.fusion.quorum > 1:
        yield Finding((*key, "fusion", "quorum"), "a step with `stream` makes one answer; leave `quorum` out")
    if step.routing[-1].choose not in {None, 1}:
        text = "a step with `stream` asks one model at a time: `choose: 1`, or leave it out"
        yield Finding((*key, "routing", len(step.routing) - 1, "choose"), text)
    for place, stage in enumerate(step.routing):
        with suppress(ConfigurationError):  # `components` reports it
            if not isinstance(routing.get(stage.policy, stage.options), SinglePassPolicy):
                text = (
                    f"{stage.policy} may ask more models after an answer, which a step with `stream` has shown already"
                )
                yield Finding((*key, "routing", place), text)
