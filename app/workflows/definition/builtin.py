"""The built-in workflows: `ask` finds and fuses, the others pass on what they get. The same YAML that users write."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from app.settings import AskSettings, Settings
from app.source.syntax import parse
from app.workflows.definition.spec import Workflow

ASK, PASSTHROUGH, PANEL, EMBED, COUNT_TOKENS = NAMES = ("ask", "passthrough", "panel", "embed", "count_tokens")
_WITHOUT_DOCUMENTS = "Question: {{ input.question }}"
#: Tokens that are left for an answer whose longest is not configured, and for the question and what surrounds it.
_ANSWER, _PROMPT = 1024, 512


def workflows(settings: Settings) -> list[Workflow]:
    """Return all that these settings allow."""
    conversing = [conversation(settings, name) for name in (PASSTHROUGH, PANEL)] if settings.models else []
    others = [Workflow.model_validate(_parsed(name)) for name in (EMBED, COUNT_TOKENS)]
    return [ask(settings.ask, context_tokens(settings)), *conversing, *others]


def conversation(settings: Settings, name: str) -> Workflow:
    """Return `passthrough` or `panel`, which may ask every model of the settings."""
    spec = _parsed(name)
    spec["deadline"] = spec["steps"]["answer"]["timeout"] = settings.ask.deadline
    spec["steps"]["answer"]["models"] = list(settings.models)
    return Workflow.model_validate(spec)


def context_tokens(settings: Settings) -> int | None:
    """Return how many tokens of sources fit into the smallest context window of the models, if one is configured."""
    models = [settings.models[name] for name in settings.ask.models if name in settings.models]
    rooms = [
        model.context_tokens - int(model.sampling.get("max_tokens") or model.max_output_tokens or _ANSWER) - _PROMPT
        for model in models
        if model.context_tokens
    ]
    return max(1, min(rooms)) if rooms else None


def ask(settings: AskSettings, max_tokens: int | None = None) -> Workflow:
    """Return `ask` with the models, prompt, fusion and limits of the settings, and sources of at most `max_tokens`."""
    spec = _parsed(ASK)
    retrieve, answer = spec["steps"]["retrieve"], spec["steps"]["answer"]
    spec["deadline"] = settings.deadline
    retrieve |= {"max_tokens": max_tokens} if max_tokens else {}
    retrieve |= {"limit": settings.chunks, "timeout": min(20.0, settings.deadline / 4)}  # the models need the rest
    answer |= _answering(settings)
    if not settings.retrieve:
        del spec["steps"]["retrieve"]
        answer["prompt"] = _WITHOUT_DOCUMENTS
    answer |= {key: text for key, text in (("system", settings.system), ("prompt", settings.prompt)) if text}
    return Workflow.model_validate(spec)


def _parsed(name: str) -> Any:
    file = f"{name}.yaml"
    return parse(files("app.workflows").joinpath(file).read_text(encoding="utf-8"), file).value


def _answering(settings: AskSettings) -> dict[str, Any]:
    return {
        "models": list(dict.fromkeys(settings.models)),
        "fusion": {"strategy": _strategy(settings), "quorum": settings.quorum},
        "stream": settings.stream,
        "timeout": settings.deadline,
    }


def _strategy(settings: AskSettings) -> str:
    """Return the fusion; to a single model that streams they are all the same."""
    return "first" if settings.stream else settings.strategy
