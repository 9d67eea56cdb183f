"""Whom the name of a model asks: a workflow, a configured model, any of them, or several together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from pydantic import JsonValue, ValidationError

from app.errors import ConfigurationError
from app.fusion import registry as fusion
from app.gateway.parts import Parts
from app.gateway.problems import Refusal
from app.gateway.rest.catalog_routes import AUTO, unknown_model
from app.security.principal import Principal
from app.settings import PanelSettings, Settings
from app.suggestions import did_you_mean
from app.workflows.definition.builtin import PANEL, PASSTHROUGH
from app.workflows.definition.steps import Fusion

#: What stands between the names of models that are asked together.
SEPARATOR = "|"


@dataclass(frozen=True, slots=True)
class Target:
    """The workflow that answers; of a built-in one, the `models` that it asks, and what a panel's `fusion` is."""

    workflow: str
    models: tuple[str, ...] = ()
    fusion: Mapping[str, JsonValue] | None = None


async def target_of(parts: Parts, caller: Principal, name: str, fused: Mapping[str, JsonValue] | None = None) -> Target:
    """Return whom a name asks; `fused` is how the caller wants the answers of a panel fused.

    Raises:
        Refusal: there is nothing of that name, or the fusion is not valid.
        BrokerError: the broker does not say in time which workflows there are.
    """
    found = await _named(parts, caller, name)
    if fused is None:
        return found
    if found.workflow != PANEL:
        text = f"meta_ai.fusion: only the answers of a panel are fused, as of `a|b`; {name} is none"
        raise _invalid(text)
    try:
        check_fusion(parts.settings, found.models, fused)
    except ConfigurationError as error:
        raise _invalid(f"meta_ai.fusion: {error}") from None
    return Target(PANEL, found.models, fused)


def check_panels(settings: Settings) -> None:
    """Return if the fusion of every configured panel is valid.

    Raises:
        ConfigurationError: it is not.
    """
    for name, panel in settings.panels.items():
        try:
            check_fusion(settings, panel.models, _fusion(panel))
        except ConfigurationError as error:
            raise ConfigurationError(f"panels.{name}: {error}") from None


def check_fusion(settings: Settings, models: tuple[str, ...], fused: Mapping[str, Any]) -> None:
    """Return if the answers of these models can be fused so.

    Raises:
        ConfigurationError: they cannot.
    """
    try:
        chosen = Fusion.model_validate(fused)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise ConfigurationError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    if chosen.quorum > len(models):
        raise ConfigurationError(f"quorum is {chosen.quorum}, but there are only {len(models)} models")
    for model in fusion.get(chosen.strategy, chosen.options).models:
        if model not in settings.models:
            raise ConfigurationError(f"no model is called {model}; {did_you_mean(model, settings.models)}")


async def _named(parts: Parts, caller: Principal, name: str) -> Target:
    settings, catalog = parts.settings, parts.catalog
    if name not in {AUTO, *settings.models, *settings.panels, *catalog.workflows} and SEPARATOR not in name:
        await catalog.read_all()  # it may have been deployed a moment ago
    if name in {AUTO, PASSTHROUGH} and settings.models:
        return Target(PASSTHROUGH)
    if name == PANEL and settings.models:
        return Target(PANEL, tuple(settings.models))
    if name in catalog.workflows:
        return Target(name)
    if name in settings.models:
        return Target(PASSTHROUGH, (name,))
    if panel := settings.panels.get(name):
        return Target(PANEL, panel.models, _fusion(panel))
    if SEPARATOR in name:
        return Target(PANEL, _members(settings, caller, name))
    raise unknown_model(parts, caller, name)


def _members(settings: Settings, caller: Principal, name: str) -> tuple[str, ...]:
    """Return the models of a panel that is named by them."""
    members = tuple(one.strip() for one in name.split(SEPARATOR))
    for one in members:
        if one not in settings.models:
            hint = did_you_mean(one, filter(caller.may_use_model, settings.models))
            text = f"a panel asks configured models, and none is called {one or 'by an empty name'}; {hint}"
            raise Refusal(HTTPStatus.NOT_FOUND, "model_not_found", text)
    if len(set(members)) < len(members):
        raise _invalid(f"model: {name} names a model twice; leave it out, or ask a workflow with `samples`")
    return members


def _fusion(panel: PanelSettings) -> dict[str, Any]:
    return {**panel.options, "strategy": panel.strategy, "quorum": panel.quorum}


def _invalid(text: str) -> Refusal:
    refusal = Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", text)
    refusal.members = {"param": text.partition(":")[0]}
    return refusal
