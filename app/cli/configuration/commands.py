"""`meta-ai config`: explain, check, show, export and import the configuration."""

from __future__ import annotations

import difflib
import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from app import configuration
from app.cli.options import ConfigOption, JsonOption
from app.cli.output import Output, write
from app.cli.workflows import workflow_files
from app.configuration.export import export as visible_settings
from app.configuration.loading import DEFAULT_PATH
from app.configuration.portable import portable
from app.errors import ConfigurationError
from app.source.files import MAX_BYTES
from app.source.files import text as read_text
from app.source.problems import dotted
from app.source.writing import to_yaml
from app.suggestions import did_you_mean

app = typer.Typer(no_args_is_help=True, add_completion=False)
_WHAT = "a configuration"
_NOT_SET = "is not set; set it"


@app.callback()
def config() -> None:
    """Explain, check, show, export or import the configuration."""


@app.command()
def schema() -> None:
    """Print the JSON schema of the configuration file, for editors and validators."""
    sys.stdout.write(json.dumps(configuration.schema(), ensure_ascii=False, indent=2) + "\n")


@app.command()
def check(*, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Check the file, its parts, the workflows and the environment; each problem is one line that says how to fix it.

    Exits with 1 if there is a problem.
    """
    from app.worker import components  # noqa: PLC0415  # every adapter that the settings name

    settings = configuration.load(config, os.environ)
    components.components(settings)
    paths = workflow_files.configured_paths(settings, config)
    loaded = workflow_files.load(settings, paths) if paths else []
    output = Output(programs=as_json)
    for warning in (warning for one in loaded for warning in one.warnings):
        output.note(f"warning: {warning}")
    if as_json:
        workflows = [one.spec.id for one in loaded]
        output.emit(
            {"valid": True, "broker": settings.broker.kind, "models": [*settings.models], "workflows": workflows}
        )
        return
    facts = [f"broker {settings.broker.kind}", f"models {', '.join(settings.models)}"]
    facts += [f"workflows {', '.join(one.spec.id for one in loaded)}"] if loaded else []
    output.say(f"the configuration is valid: {', '.join(facts)}")


@app.command()
def show(
    key: Annotated[str | None, typer.Argument(metavar="[KEY]", help="Only this: models, broker.kind, …")] = None,
    *,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the configuration as it applies: with defaults and the environment, and with secrets hidden."""
    shown = _at(visible_settings(configuration.load(config, os.environ)), key)
    if as_json:
        Output(programs=True).emit(shown if isinstance(shown, dict) else {str(key): shown})
    else:
        sys.stdout.write(to_yaml(shown if isinstance(shown, dict) or key is None else {key: shown}))


@app.command()
def export(
    *,
    out: Annotated[Path | None, typer.Option(help="A file to write; by default standard output.")] = None,
    config: ConfigOption = None,
) -> None:
    """Print the file as it is written, to be imported elsewhere: secrets in it become references to the environment."""
    source = _path(config)
    text, variables = portable(read_text(source, what=_WHAT), str(source))
    if out is None:
        sys.stdout.write(text)
    else:
        write(out, text)
    output = Output()
    for name, place in variables.items():
        output.note(f"{dotted(place)} was a secret: import it where {name} is set")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A configuration, as `export` prints it; - reads standard input.")],
    *,
    force: Annotated[bool, typer.Option("--force", help="Replace the configuration that is there.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check a configuration and put it in the place of the present one; shows what changes, without secrets.

    What is wrong with it is reported, and nothing is written. Variables that are not set here are named.
    """
    output, target = Output(programs=as_json), _path(config)
    text = _read(file)
    unset = _check(text, target, file)
    present = read_text(target, what=_WHAT) if target.exists() else ""
    if present and present != text and not (force or dry_run):
        raise ConfigurationError(
            f"{target} already exists and differs; look with --dry-run, and replace it with --force"
        )
    changes = [*_diff(present, text, target)]
    if not dry_run:
        write(target, text)
    if as_json:
        output.emit({"config": str(target), "changed": bool(changes), "dry_run": dry_run, "unset": unset})
        return
    for line in changes:
        output.say(line, style={"+": "green", "-": "red", "@": "cyan"}.get(line[:1], ""))
    output.say(f"{target}: {'nothing changes' if not changes else 'would be written' if dry_run else 'written'}")
    for problem in unset:
        output.note(problem)


def _path(config: Path | None) -> Path:
    return config or Path(os.environ.get("META_AI_CONFIG") or DEFAULT_PATH)


def _read(file: Path) -> str:
    if str(file) != "-":
        return read_text(file, what=_WHAT)
    content = sys.stdin.buffer.read(MAX_BYTES + 1)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigurationError("standard input is not UTF-8") from None
    if len(content) > MAX_BYTES:
        raise ConfigurationError(f"standard input has more than {MAX_BYTES} bytes; is it a configuration?")
    return text


def _check(text: str, target: Path, file: Path) -> list[str]:
    """Return the lines that say which variables are not set.

    Raises:
        ConfigurationError: something else is wrong.
    """
    draft = target.with_name(f".{target.name}.import")
    write(draft, text)
    try:
        configuration.load(draft, os.environ)
    except ConfigurationError as error:
        problems = str(error).replace(str(draft), str(file)).splitlines()
        if others := [line for line in problems if _NOT_SET not in line]:
            raise ConfigurationError("\n".join(others)) from None
        return problems
    finally:
        draft.unlink(missing_ok=True)
    return []


def _diff(present: str, text: str, target: Path) -> list[str]:
    before, after = (portable(one, str(target))[0].splitlines() for one in (present, text))
    return [*difflib.unified_diff(before, after, "present", "imported", lineterm="", n=1)]


def _at(shown: Any, key: str | None) -> Any:
    """Return the part of a configuration at a dotted key.

    Raises:
        ConfigurationError: there is none.
    """
    path: list[str] = []
    for name in key.split(".") if key else ():
        path.append(name)
        known = shown if isinstance(shown, dict) else {}
        if name not in known:
            raise ConfigurationError(f"nothing is set at {'.'.join(path)}; {did_you_mean(name, known)}")
        shown = known[name]
    return shown
