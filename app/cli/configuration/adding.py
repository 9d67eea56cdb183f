"""`meta-ai adapters add`: write a model into the configuration, and ask it once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.event_loop import run
from app.cli.options import ConfigOption, JsonOption, TimeoutOption
from app.cli.output import Output, write
from app.configuration import load
from app.configuration.editing import add_entry
from app.configuration.loading import DEFAULT_PATH
from app.conformance import Check
from app.models import adapter_catalog
from app.models.conformance.probe import ask_once
from app.models.http.endpoint import ambient_secrets
from app.redaction import redactor
from app.settings import ModelSettings
from app.source.files import text as read_text

_NO_MODEL = "NAME-OF-THE-MODEL"


def add(  # noqa: PLR0913  # one for each option
    provider: Annotated[str, typer.Argument(help="A provider, as `adapters list` shows it.")],
    *,
    model: Annotated[str | None, typer.Option(help="The provider's name of the model: gpt-5-mini, …")] = None,
    name: Annotated[str | None, typer.Option(help="What workflows call it; by default the provider's name.")] = None,
    base_url: Annotated[str | None, typer.Option(help="The address of the API, if not the provider's own.")] = None,
    key: Annotated[
        str | None, typer.Option(metavar="VARIABLE", help="The environment variable that has the API key.")
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Do not ask the model.")] = False,
    timeout: TimeoutOption = 30.0,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Add a model to the configuration, and ask it once if its key is there; what is in the file stays as it is.

    The key itself is never written: the file refers to an environment variable. Exits with 1 if the model does not
    answer; it is added in any case.
    """
    output, path = Output(programs=json), config or Path(os.environ.get("META_AI_CONFIG") or DEFAULT_PATH)
    entry, called = _entry(provider, model, base_url, key), name or provider
    before = read_text(path, what="a configuration") if path.exists() else ""
    write(path, add_entry(before, "models", called, entry, str(path)))
    missing = _missing_key(entry)
    check = None if offline or missing else run(_try(load(path, os.environ).models[called], called, timeout))
    if json:
        tried = None if check is None else {"status": check.status, "seconds": check.seconds, "detail": check.detail}
        output.emit({"added": called, "config": str(path), "settings": entry, "key_missing": missing, "test": tried})
    else:
        output.say(f"{path}: models.{called} added")
        output.say(_next(called, missing, check, offline=offline))
    if check and check.status == "fail":
        raise typer.Exit(1)


def _entry(provider: str, model: str | None, base_url: str | None, key: str | None) -> dict[str, Any]:
    """Return the settings of a model of this provider.

    Raises:
        ConfigurationError: the provider is unknown.
        BadParameter: the provider needs more than is given.
    """
    entry: dict[str, Any] = dict(adapter_catalog.describe_adapter(provider).example)
    if "base_url" in entry and not base_url:
        raise typer.BadParameter(f"{provider} needs --base-url, as in {entry['base_url']}")
    if model:
        entry["model"] = model
    elif entry.get("model") == _NO_MODEL:
        raise typer.BadParameter(f"{provider} needs --model, the provider's name of the model")
    if base_url:
        entry["base_url"] = base_url
    if key:
        if not key.isidentifier():  # perhaps the key itself: it is neither repeated nor written
            raise typer.BadParameter("--key takes the name of an environment variable, not the key")
        entry["api_key"] = f"${{{key}}}"
    return entry


def _missing_key(entry: Mapping[str, Any]) -> str:
    """Return the variable of the key if it is not set."""
    variable = str(entry.get("api_key", "")).removeprefix("${").removesuffix("}")
    return variable if variable and not os.environ.get(variable) else ""


async def _try(settings: ModelSettings, name: str, timeout: float) -> Check:
    check = await ask_once(name, settings, timeout)
    return replace(check, detail=redactor([*settings.secrets(), *ambient_secrets(os.environ)])(check.detail))


def _next(name: str, missing: str, check: Check | None, *, offline: bool) -> str:
    if missing:
        return f"next: set {missing}, then: meta-ai adapters test {name}"
    if check is None:
        return f"not asked{' (--offline)' if offline else ''}; next: meta-ai adapters test {name}"
    if check.status == "fail":
        return f"it does not answer: {check.error}: {check.detail}"
    return f"it answers, after {check.seconds:.1f} s; name it in a workflow, or in ask.models"
