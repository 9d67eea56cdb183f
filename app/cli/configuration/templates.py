"""The templates of `orchestrator init` and `workflows new`: a configuration, workflows and a first task in a folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args

from app.errors import ConfigurationError

Template = Literal["minimal", "rag", "support", "panel", "extraction"]
NAMES: tuple[Template, ...] = get_args(Template)
CONFIGURATION = "meta-ai.yaml"
_ROOT = Path(__file__).resolve().parents[3] / "examples" / "templates"


def folder(template: Template) -> Path:
    """Return the folder of a template."""
    return _ROOT / template


def copy(template: Template, config: Path, *, force: bool) -> list[Path]:
    """Write a template, its configuration as `config` and the rest beside it; return the paths of the files.

    Raises:
        ConfigurationError: a file is there already, or cannot be written; with `force`, it is replaced.
    """
    files = [(source, config.parent / _target(source, template, config)) for source in _files(template)]
    if not force and (there := [target for _, target in files if target.exists()]):
        raise ConfigurationError(f"{there[0]} already exists; use --force to replace it, or start in an empty folder")
    for source, target in files:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        except OSError as error:
            raise ConfigurationError(f"{target} cannot be written: {error.strerror}") from None
    return [target for _, target in files]


def workflow(template: Template) -> str:
    """Return the text of a template's workflow."""
    (file,) = (folder(template) / "workflows").glob("*.yaml")
    return file.read_text(encoding="utf-8")


def _files(template: Template) -> Iterator[Path]:
    yield from sorted(path for path in folder(template).rglob("*") if path.is_file() and ".meta-ai" not in path.parts)


def _target(source: Path, template: Template, config: Path) -> Path:
    place = source.relative_to(folder(template))
    return Path(config.name) if place == Path(CONFIGURATION) else place
