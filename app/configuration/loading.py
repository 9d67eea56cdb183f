"""From a file and the environment to settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from app.configuration.environment import fill_credentials, override
from app.configuration.problems import Problem, complain, explain
from app.configuration.substitution import substitute
from app.configuration.syntax import Document, parse
from app.settings import Settings

DEFAULT_PATH = Path("meta-ai.yaml")
_MAX_BYTES = 256 * 1024


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Return the settings of `path`, with the environment over them.

    Without a path, META_AI_CONFIG names the file; without that, it is ./meta-ai.yaml if there is one,
    and else the defaults hold. Environment variables: see `app.configuration.environment`.

    Raises:
        ConfigurationError: a line for each fault, with file and line, dotted key, and the mend.
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
    if path is None:
        return Document()
    return parse(_prepared(_text(path), path), str(path))


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a path"
        raise complain([Problem(str(path), (), f"cannot be read: {reason}")]) from None
    if len(content) > _MAX_BYTES:
        raise complain([Problem(str(path), (), f"is larger than {_MAX_BYTES} bytes; is it a configuration?")])
    return _decoded(content, path)


def _decoded(content: bytes, path: Path) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise complain([Problem(f"{path}:{line}", (), "is not UTF-8; save it in that encoding")]) from None


def _prepared(text: str, path: Path) -> str:
    """JSON may be indented with tabs, YAML may not; inside a JSON text no tab can stand."""
    return text.replace("\t", " ") if path.suffix == ".json" else text


def _validate(document: Document) -> Settings:
    problems = document.problems
    try:
        settings = Settings.model_validate(document.value)
    except ValidationError as error:
        # A value that could not be read is reported once, not for its consequences too.
        broken = {problem.key for problem in problems}
        problems = problems + [found for found in explain(error, document.places) if found.key not in broken]
    if problems:
        raise complain(problems)
    return settings
