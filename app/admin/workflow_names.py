"""What a workflow can name: the models and connectors of the settings, and the deployed workflows."""

from __future__ import annotations

from collections.abc import Collection

from app.models.configured_capabilities import configured_features
from app.settings import Settings
from app.workflows.checks import Names
from app.workflows.definition import builtin


def known_names(settings: Settings, deployed: Collection[str] | None = None) -> Names:
    """Return the names; if it is not known what is `deployed`, an unknown workflow is only a warning."""
    workflows = frozenset({*(deployed or ()), *builtin.NAMES})
    features = configured_features(settings.models)
    return Names.of(settings, workflows=workflows, more=deployed is None, features=features)
