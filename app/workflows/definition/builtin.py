"""The built-in workflow `ask`: retrieve, fan out, fuse; the same YAML that users write."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from app.settings import AskSettings
from app.source.syntax import parse
from app.workflows.definition.spec import Workflow

_WITHOUT_DOCUMENTS = "Question: {{ input.question }}"


def ask(settings: AskSettings) -> Workflow:
    """Return `ask` with the models, prompt, fusion and limits of the settings."""
    text = files("app.workflows").joinpath("ask.yaml").read_text(encoding="utf-8")
    spec = parse(text, "ask.yaml").value
    retrieve, answer = spec["steps"]["retrieve"], spec["steps"]["answer"]
    spec["deadline"] = settings.deadline
    retrieve |= {"limit": settings.chunks, "timeout": min(20.0, settings.deadline / 4)}  # the models need the rest
    answer |= _answering(settings)
    if not settings.retrieve:
        del spec["steps"]["retrieve"]
        answer["prompt"] = _WITHOUT_DOCUMENTS
    answer |= {key: text for key, text in (("system", settings.system), ("prompt", settings.prompt)) if text}
    return Workflow.model_validate(spec)


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
