"""The built-in workflow `ask`: retrieve, fan out, fuse; the same YAML that users write."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import yaml

from app.settings import AskSettings
from app.workflows.spec import Workflow


def ask(settings: AskSettings) -> Workflow:
    """Return `ask` with the models, fusion and limits of the settings."""
    spec: dict[str, Any] = yaml.safe_load(files("app.workflows").joinpath("ask.yaml").read_text(encoding="utf-8"))
    answer, retrieve = spec["steps"]["answer"], spec["steps"]["retrieve"]
    answer["models"] = tuple(dict.fromkeys(settings.models))
    answer["fusion"] = {"strategy": settings.strategy, "quorum": settings.quorum}
    answer["timeout"] = settings.deadline
    retrieve["limit"] = settings.chunks
    retrieve["timeout"] = min(20.0, settings.deadline / 4)  # the models need the rest
    spec["deadline"] = settings.deadline
    if not settings.retrieve:
        del spec["steps"]["retrieve"], answer["after"]
    return Workflow.model_validate(spec)
