"""`meta-ai`: the commands, loaded only when they are called, and how errors are reported."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from app.cli.os_errors import explain
from app.errors import OrchestratorError
from app.suggestions import closest_match

#: Each command with its module, which has a Typer `app`, and its line in `meta-ai --help`.
COMMANDS: dict[str, tuple[str, str]] = {
    "demo": (
        "app.cli.demo.commands",
        "Run a demo on this machine: a broker, a real model, questions and answers.",
    ),
    "ask": ("app.cli.tasks.ask", "Ask a question, and wait for the answer."),
    "orchestrator": ("app.cli.orchestrator.commands", "Run and manage the orchestrator."),
    "status": ("app.cli.orchestrator.status", "Show whether the orchestrator is ready, its workers and what waits."),
    "config": ("app.cli.configuration.commands", "Explain, check, show, export or import the configuration."),
    "documents": ("app.cli.documents.commands", "Add, sync, delete, show and list the documents to answer from."),
    "stores": ("app.cli.stores.commands", "List, check, reindex and prune the stores that answers are drawn from."),
    "tasks": ("app.cli.tasks.commands", "Send tasks from a file or a pipe; see and cancel one."),
    "results": ("app.cli.tasks.results", "Print results as they arrive, or one."),
    "workflows": ("app.cli.workflows.commands", "Create, check, show and deploy workflows; show what is deployed."),
    "runs": ("app.cli.runs.commands", "Inspect runs step by step; cancel, signal, retry or re-fuse them."),
    "logs": ("app.cli.runs.logs", "Print the events of a run from all topics, oldest first."),
    "top": ("app.cli.top.commands", "Show what goes on: topics, agents, models, errors and costs."),
    "slots": ("app.cli.slots", "Show which runs hold the slots of concurrency limits, and which wait."),
    "dead-letters": ("app.cli.kafka.dead_letters", "Show what could not be processed, fix it and replay it."),
    "feedback": ("app.cli.feedback", "Say what answers are worth, and see what was said."),
    "spend": ("app.cli.spend.commands", "Show what model calls have cost, and at which prices."),
    "budgets": ("app.cli.spend.budgets", "Show what each budget has spent and reserved, and when it renews."),
    "keys": ("app.cli.keys", "Create, list, rotate and revoke the API keys of the gateway."),
    "adapters": ("app.cli.adapters", "List the providers; add and test models."),
    "audit": ("app.cli.audit.commands", "Show who did what, and verify that the record of it was not changed."),
    "doctor": ("app.cli.doctor.commands", "Check an installation, and say how to fix what is wrong."),
    "support-bundle": ("app.cli.doctor.bundle", "Write a file that describes an installation, to be handed on."),
    "context": ("app.cli.contexts.commands", "Name orchestrators, and choose which one commands talk to."),
    "topics": ("app.cli.kafka.topics", "List, create and describe the topics; export and import what they hold."),
    "routing": ("app.cli.routing.commands", "List the routing policies, and fit a router on recorded results."),
    "help": ("app.cli.help.commands", "Show the help of a command, or the manual page of all."),
    "eval": ("app.cli.eval.commands", "Measure how well documents are found."),
}

#: What an option's value is, and what it can be.
_CHOICE = re.compile(r"'([^']*)' is not one of ('.+')$")
_WORD = re.compile(r"'([^']+)'")
#: The exit code of a command whose output nobody reads any more, as for others that SIGPIPE ends.
_CLOSED = 141
#: Where nobody looks, the help is not wrapped; for people, lines longer than this are hard to read.
_ENDLESS, _READABLE = 1_000_000, 100


class LazyGroup(TyperGroup):
    """Imports a command's module when the command runs; its help line is in the table."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  # the base class hands it over
        """Return the names in table order."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002  # the base class hands it over
        """Return a command that has a name and a help line, but does nothing."""
        return TyperCommand(cmd_name, short_help=COMMANDS[cmd_name][1]) if cmd_name in COMMANDS else None

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Return the real command that `args` name."""
        self.commands = {name: self.get_command(ctx, name) for name in COMMANDS}  # for suggestions
        try:
            name, command, rest = super().resolve_command(ctx, args)
        except typer.TyperException as error:
            if paths := _paths_of(args[0]):  # closer than a name that is only similar
                error.message = f"No such command {args[0]!r}. Did you mean {' or '.join(map(repr, paths))}?"
            raise
        return name, command and _load(str(name)), rest

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Parse the options before the command."""
        with _errors_as_lines():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        with _errors_as_lines():
            return super().invoke(ctx)


@contextmanager
def _errors_as_lines() -> Iterator[None]:
    """Report what goes wrong as one line and an exit code; Typer would draw a box."""
    try:
        yield
    except (OrchestratorError, OSError) as error:
        if os.environ.get("META_AI_DEBUG") == "1" or isinstance(error, BrokenPipeError):  # whoever read has gone
            raise
        sys.stderr.write(f"meta-ai: {explain(error) if isinstance(error, OSError) else error}\n")
        raise typer.Exit(1) from None
    except BrokenPipeError:
        _close_output()
        raise typer.Exit(_CLOSED) from None
    except typer.TyperException as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # it has shown the help; the class is not public
            raise
        sys.stderr.write(f"meta-ai: {_usage(error)}\n")
        raise typer.Exit(error.exit_code) from None


def _usage(error: typer.TyperException) -> str:
    """Return what is wrong with a command line, and which help explains it."""
    said = " ".join(error.format_message().split()).rstrip(".")
    said = said.replace("Value error, ", "").replace("Input should be a valid integer", "must be a whole number")
    said = said.replace("Input should be a valid number", "must be a number").replace("Input should", "must")
    said = re.sub(r"(must be a (?:whole )?number), unable to parse string as an? \w+", r"\1", said)
    if chosen := _CHOICE.search(said):
        near = closest_match(chosen[1], _WORD.findall(chosen[2]))
        said += f". Did you mean '{near}'?" if near else ""
    said = re.sub(r" \(Possible options: ([^,)]+)[^)]*\)", r". Did you mean '\1'?", said)
    if "no such option: --context" in said.lower():
        said += ". It stands before the command: meta-ai --context NAME …"
    where = getattr(error, "ctx", None)
    path = where.command_path if where else "meta-ai"
    return f"{said[:1].lower()}{said[1:]}{'' if said.endswith('?') else ';'} see {path} --help"


def _load(name: str) -> Any:
    module, line = COMMANDS[name]
    command = typer.main.get_command(import_module(module).app)
    command.name, command.help = name, command.help or line
    _without_boxes(command)
    return command


def _paths_of(name: str) -> list[str]:
    """Return the commands of this name that are in a group."""
    found = []
    for group in COMMANDS:
        with suppress(ImportError, OrchestratorError):  # what is not installed is not meant
            if name in getattr(_load(group), "commands", {}):
                found.append(f"{group} {name}")
    return found


def _without_boxes(command: Any) -> None:
    """Have the help of a command and of those below it printed as text: boxes cut what does not fit into them."""
    command.rich_markup_mode = None
    command.short_help = command.short_help or command.help  # which would be cut after some words
    for below in getattr(command, "commands", {}).values():
        _without_boxes(below)


def _say_version(wanted: bool) -> None:  # noqa: FBT001  # Typer calls it so
    if wanted:
        try:
            sys.stdout.write(f"meta-ai {version('meta-ai-orchestrator')}\n")
        except PackageNotFoundError:
            sys.stdout.write("meta-ai, from a checkout that is not installed\n")
        raise typer.Exit


def build() -> typer.Typer:
    """Return the whole command line."""
    columns = min(shutil.get_terminal_size().columns, _READABLE) if sys.stdout.isatty() else _ENDLESS
    settings = {"help_option_names": ["-h", "--help"], "terminal_width": columns}
    app = typer.Typer(
        cls=LazyGroup,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings=settings,
    )

    @app.callback(help="An event-driven orchestrator of language models on Kafka.")
    def meta_ai(
        ctx: typer.Context,
        *,
        _version: Annotated[
            bool, typer.Option("--version", help="Print the version.", callback=_say_version, is_eager=True)
        ] = False,
        context: Annotated[
            str, typer.Option("--context", metavar="NAME", help="Talk to the orchestrator of this context.")
        ] = "",
    ) -> None:
        """Take the options before the command."""
        if context:
            from app.cli.contexts.choice import named  # noqa: PLC0415  # it needs pydantic

            token = named.set(context)
            ctx.call_on_close(lambda: named.reset(token))

    return app


def main() -> None:
    """Run `meta-ai`; exit with 0, 1 (it failed), 2 (wrong usage), 130 (interrupted) or 141 (its output was closed)."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # what the encoding does not have is shown as its code, and not an error
            stream.reconfigure(errors="backslashreplace")
    try:
        build()(prog_name="meta-ai")
    finally:
        try:
            sys.stdout.flush()
        except BrokenPipeError:
            _close_output()


def _close_output() -> None:
    """Let what is still to be written go nowhere: whoever read it has closed its end."""
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
