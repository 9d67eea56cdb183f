from __future__ import annotations

from pydantic import BaseModel

import app.models.calling.call  # noqa: F401  # has an error of its own
from app.errors import ModelError
from app.models.copilot.adapter import CopilotOptions
from app.models.http.endpoint import HostedOptions
from app.models.local.adapter import LocalOptions
from app.models.openai.adapter import OpenAIOptions
from app.models.registry import COMPONENTS
from app.models.scripted.adapter import ScriptedOptions
from tests.docs.pages import codes, first_codes, table

PAGE = "docs/models.md"
OPTIONS: dict[str, type[BaseModel]] = {
    "anthropic": HostedOptions,
    "copilot": CopilotOptions,
    "local": LocalOptions,
    "openai": OpenAIOptions,
    "scripted": ScriptedOptions,
}


def kinds(kind: type[ModelError] = ModelError) -> dict[str, bool]:
    found = {kind.code: kind.transient}
    for one in kind.__subclasses__():
        if one.__module__.startswith("app."):  # a test may have some of its own
            found |= kinds(one)
    return found


def test_every_provider_is_described() -> None:
    assert set(first_codes(PAGE, "provider", "what it is", "needs")) == set(COMPONENTS)


def test_every_option_is_described() -> None:
    shown = {codes(row[0])[0]: set(codes(row[1])) for row in table(PAGE, "provider", "options")}
    assert shown.keys() == OPTIONS.keys()
    for provider, options in OPTIONS.items():
        assert options.model_fields.keys() <= shown[provider]


def test_every_error_is_described_and_whether_it_is_tried_again() -> None:
    rows = table(PAGE, "code", "what it means", "tried again")
    shown = {codes(row[0])[0]: row[2].startswith("yes") for row in rows}
    assert shown == {**kinds(), "unknown_model": False}
