"""From a file and the environment to settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from app.configuration.live import LiveSettings
from app.settings import Settings
from app.source.files import read
from app.source.syntax import Document

DEFAULT_PATH = Path("meta-ai.yaml")


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Return the settings of `path`, with the environment over them.

    Without a path, META_AI_CONFIG names the file; without that, it is ./meta-ai.yaml if there is one,
    and else the defaults hold. Environment variables: see `app.configuration.environment`.

    Raises:
        ConfigurationError: one line for each problem, with file and line, dotted key, and how to fix it.
    """
    return load_live(path, environ).settings


def load_live(path: Path | None, environ: Mapping[str, str]) -> LiveSettings:
    """Return the settings, and what follows the secrets that they refer to.

    Raises:
        ConfigurationError: as `load`.
    """
    return LiveSettings(_read(path or _search(environ)), environ)


def _search(environ: Mapping[str, str]) -> Path | None:
    if named := environ.get("META_AI_CONFIG"):
        return Path(named)
    return DEFAULT_PATH if DEFAULT_PATH.exists() else None


def _read(path: Path | None) -> Document:
    return Document() if path is None else read(path, what="a configuration")
