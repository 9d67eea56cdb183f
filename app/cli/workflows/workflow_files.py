"""Load workflow files and check them against the settings."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli import run_state
from app.errors import MissingDependency
from app.settings import Settings

if TYPE_CHECKING:
    from app.workflows.definition.loading import Loaded


def configured_paths(settings: Settings, config: Path | None) -> list[Path]:
    """Return the workflow paths in the settings; they are relative to the configuration's folder."""
    folder = run_state.path_for(config, os.environ).parent.parent  # the state is in a folder beside the configuration
    return [folder / path for path in settings.workflows]


def load(settings: Settings, paths: Sequence[Path], deployed: Collection[str] | None = None) -> list[Loaded]:
    """Return the workflows in files or folders; they may refer to each other and to those that are `deployed`.

    If those are not known, an unknown name is only a warning. What a step asks of a model must be among the model's
    features.

    Raises:
        ConfigurationError: one line for each problem, with its place and how to fix it.
        MissingDependency: the packages that compile templates and expressions are not installed.
    """
    try:
        from app.admin.workflow_names import known_names  # noqa: PLC0415  # every adapter that the settings name
        from app.workflows.definition import loading  # noqa: PLC0415  # templates and expressions, which other commands do not need
    except ModuleNotFoundError:
        raise MissingDependency('pip install "meta-ai-orchestrator[server]"') from None
    return loading.load(paths, known_names(settings, deployed))
