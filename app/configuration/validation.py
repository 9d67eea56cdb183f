"""From a document to settings."""

from __future__ import annotations

from pydantic import ValidationError

from app.configuration.problems import explain
from app.settings import Settings
from app.source.problems import problems_error, without_consequences
from app.source.syntax import Document


def validate(document: Document) -> Settings:
    """Return the settings in a document.

    Raises:
        ConfigurationError: one line for each problem.
    """
    problems = document.problems
    try:
        settings = Settings.model_validate(document.value)
    except ValidationError as error:
        problems = [*problems, *without_consequences(explain(error, document.places), problems)]
    if problems:
        raise problems_error(problems)
    return settings
