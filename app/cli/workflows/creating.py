"""Make a workflow of a template's: with another id, and for other models."""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.cli.configuration import templates
from app.cli.configuration.templates import Template
from app.source.writing import to_yaml

_ID = re.compile(r"^id: .*$", re.MULTILINE)
_MODELS = re.compile(r"^(\s*)models: \[.*\]$", re.MULTILINE)


def from_template(template: Template, workflow: str, models: Sequence[str]) -> str:
    """Return the text of a new workflow, with the comments of the template."""
    text = templates.workflow(template)
    text = _ID.sub(lambda _: to_yaml({"id": workflow}).rstrip(), text, count=1)
    listed = ", ".join(to_yaml([model])[2:].rstrip() for model in models)
    return _MODELS.sub(lambda found: f"{found[1]}models: [{listed}]", text)
