"""From a file and the environment to settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from app.configuration.environment import fill_credentials, override
from app.configuration.problems import explain
from app.configuration.substitution import substitute
from app.settings import Settings
from app.source.files import read
from app.source.problems import problems_error, without_consequences
from app.source.syntax import Document

DEFAULT_PATH = Path("meta-ai.yaml")


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Return the settings of `path`, with the environment over them.

    Without a path, META_AI_CONFIG names the file; without that, it is ./meta-ai.yaml if there is one,
    and else the defaults hold. Environment variables: see `app.configuration.environment`.

    Raises:
        ConfigurationError: one line for each problem, with file and line, dotted key, and how to fix it.
    """
    document = _read(path or _search(environ))
    substitute(document, environ)
    override(document, environ)
    return fill_credentials(_validate(document), environ)


def _search(environ: Mapping[str, str]) -> Path | None:
    if named := environ.get("META_AI_CONFIG"):
        return Path(named)
    return DEFAULT_PATH if DEFAULT_PATH.exists() else None


def _read(path: Path | None) -> Document:
    return Document() if path is None else read(path, what="a configuration")


def _validate(document: Document) -> Settings:
    problems = document.problems
    try:
        settings = Settings.model_validate(document.value)
    except ValidationError as error:
        problems = [*problems, *without_consequences(explain(error, document.places), problems)]
    if problems:
        raise problems_error(problems)
    return settings
