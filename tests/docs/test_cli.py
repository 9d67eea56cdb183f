from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from itertools import takewhile
from typing import Any

import pytest
import typer

from app.cli.main import COMMANDS, build
from tests.docs.pages import PAGES, blocks, text

#: What a shell would take for itself: the command ends there.
_SHELL = {"|", ">", "<", "<<", "&", "&&", ";"}


def typed() -> list[str]:
    """Return every `meta-ai …` that is to be typed: after a prompt, and as a line of a script."""
    prompts = [line[2:] for block in blocks("console") for line in block.text.splitlines() if line[:2] == "$ "]
    scripts = [line for block in blocks("sh") for line in block.text.splitlines()]
    return sorted({line for line in (*prompts, *scripts) if line.startswith("meta-ai ")})


def mentioned() -> list[str]:
    """Return every `meta-ai …` within a sentence."""
    inline = [code for page in PAGES for code in re.findall(r"`(meta-ai [^`]+)`", text(page))]
    return sorted({" ".join(code.split()) for code in inline})


def arguments(line: str) -> list[str]:
    words = shlex.split(line, comments=True)[1:]
    return list(takewhile(lambda word: word not in _SHELL, words))


@pytest.mark.parametrize("line", typed())
def test_a_command_that_is_to_be_typed_parses(line: str) -> None:
    command, rest = resolve(arguments(line))
    assert not _needs_another(command)
    command.make_context(line, rest)  # parses, and runs nothing


@pytest.mark.parametrize("line", mentioned())
def test_a_command_that_is_mentioned_exists_with_its_options(line: str) -> None:
    command, rest = resolve(arguments(line))
    if _needs_another(command):
        assert not rest
    else:
        command.make_context(line, rest or _needed(command))


def test_wrong_commands_would_be_noticed() -> None:
    with pytest.raises(Exception, match="No such command"):
        resolve(["tasks", "sned"])
    command, _ = resolve(["tasks", "send"])
    with pytest.raises(Exception, match="No such option"):
        command.make_context("send", ["file", "--wiat"])


def test_every_command_is_described() -> None:
    described = text("docs/cli.md")
    missing = [path for path in paths() if f"meta-ai {path}" not in described]
    assert not missing


def paths() -> Iterator[str]:
    """Yield the path of every command that does something."""
    for name in COMMANDS:
        yield from _below(name, resolve([name])[0])


def _below(path: str, command: Any) -> Iterator[str]:
    if not _needs_another(command):
        yield path
    if not _is_group(command):
        return
    for name, inner in command.commands.items():
        yield from _below(f"{path} {name}", inner)


def resolve(words: list[str]) -> tuple[Any, list[str]]:
    """Return the command that the words lead to, and what is left of them."""
    command: Any = typer.main.get_command(build())
    words = words[2:] if words[:1] == ["--context"] else words  # an option of all commands
    while _is_group(command) and words and not words[0].startswith("-"):
        context = command.context_class(command, info_name="meta-ai")
        _, command, words = command.resolve_command(context, words)
    return command, words


def _is_group(command: Any) -> bool:
    return hasattr(command, "resolve_command")


def _needs_another(command: Any) -> bool:
    """Whether this is a group that does nothing by itself."""
    return _is_group(command) and not command.invoke_without_command


def _needed(command: Any) -> list[str]:
    """Return something for each argument that is required."""
    return ["x" for one in command.params if one.param_type_name == "argument" and one.required]
