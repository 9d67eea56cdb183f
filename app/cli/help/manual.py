"""The manual page: every command with its options, as roff, generated from what `--help` shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_DESCRIPTION = """\
.B meta-ai
runs the Meta AI Orchestrator, an event\\-driven orchestrator of language models on Kafka, and controls a running one.
A command talks to the broker of
.BR \\-\\-bootstrap\\-servers ,
to that of a context or of the configuration, or to the orchestrator that runs in the folder."""
_END = """\
.SH EXIT STATUS
0: success. 1: the command or a task failed. 2: wrong usage. 130: interrupted. 141: the output was closed.
.SH ENVIRONMENT
.BR META_AI_CONFIG ,
.BR META_AI_CONTEXT ,
.BR KAFKA_BOOTSTRAP_SERVERS ,
.BR META_AI_BASE_URL ,
.BR META_AI_API_KEY ,
.BR META_AI_DEBUG ,
.B NO_COLOR
.SH FILES
.I meta\\-ai.yaml
is the configuration, and
.I .meta\\-ai/run.json
says where the orchestrator of a folder is."""


def manual_page(root: Any, version: str) -> str:
    """Return the manual page of a whole command line."""
    context = root.context_class(root, info_name="meta-ai")
    lines = [f'.TH META\\-AI 1 "" "meta\\-ai {_escaped(version)}"', ".SH NAME"]
    lines += ["meta\\-ai \\- an event\\-driven orchestrator of language models on Kafka", ".SH SYNOPSIS"]
    lines += [".B meta\\-ai", "[OPTIONS] COMMAND [ARGS]...", ".SH DESCRIPTION", _DESCRIPTION, ".SH OPTIONS"]
    lines += [*_options(root, context), ".SH COMMANDS"]
    for name in root.list_commands(context):
        _, command, _ = root.resolve_command(context, [name])
        lines += _command(command, f"meta-ai {name}", context)
    return "\n".join([*lines, _END]) + "\n"


def _command(command: Any, path: str, above: Any) -> Iterator[str]:
    """Yield the lines of a command and of those below it."""
    context = command.context_class(command, info_name=path, parent=above)
    below = getattr(command, "commands", {})
    if not below or command.invoke_without_command:
        usage = " ".join([path, *command.collect_usage_pieces(context)])
        yield f".SS {_escaped(usage)}"
        yield from _paragraphs(command.help or "")
        yield from _options(command, context)
    for name, inner in below.items():
        yield from _command(inner, f"{path} {name}", context)


def _options(command: Any, context: Any) -> Iterator[str]:
    for parameter in command.params:
        if (record := parameter.get_help_record(context)) and "--help" not in record[0]:
            names, text = record
            yield from (".TP", f".B {_escaped(names)}", _line(text) or "\\&")


def _paragraphs(text: str) -> Iterator[str]:
    for number, paragraph in enumerate(text.replace("\b", "").split("\n\n")):
        if number:
            yield ".PP"
        yield _line(paragraph)


def _line(text: str) -> str:
    """Return a text as one line that is no request."""
    joined = _escaped(" ".join(text.split()))
    return f"\\&{joined}" if joined[:1] in {".", "'"} else joined


def _escaped(text: str) -> str:
    plain = text.replace("\\", "\\e").replace("-", "\\-")
    return "".join(one if one.isascii() else f"\\[u{ord(one):04X}]" for one in plain)
