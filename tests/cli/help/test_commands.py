from __future__ import annotations

import re
import shutil
import subprocess
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from app.cli.help.manual import manual_page
from app.cli.main import COMMANDS, build


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(build(), list(arguments), prog_name="meta-ai")


def _page() -> str:
    root: Any = typer.main.get_command(build())
    return manual_page(root, "1.0")


def test_the_help_of_a_command_is_shown() -> None:
    assert _run("help", "runs", "list").stdout == _run("runs", "list", "--help").stdout
    assert _run("help").stdout == _run("--help").stdout
    found = _run("help", "runs", "lst")
    assert (found.exit_code, "Did you mean 'list'?" in found.stderr) == (2, True)


def test_the_manual_page_has_every_command_with_its_options() -> None:
    page = _run("help", "--man").stdout.replace("\\-", "-")
    assert page.startswith('.TH META-AI 1 "" "meta-ai ')
    for name in COMMANDS:
        assert f".SS meta-ai {name}" in page
    listed = page[page.index(".SS meta-ai runs list") : page.index(".SS meta-ai runs show")]
    assert "\n.B --status " in listed
    assert "Only runs with this status." in listed
    assert page.isascii()


def test_nothing_in_the_manual_page_is_taken_for_a_request() -> None:
    known = {".B", ".BR", ".I", ".PP", ".SH", ".SS", ".TH", ".TP"}
    assert {line.split()[0] for line in _page().splitlines() if line.startswith((".", "'"))} <= known


@pytest.mark.skipif(shutil.which("groff") is None, reason="needs groff, to read the page as man does")
def test_the_manual_page_is_read_without_a_warning() -> None:
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww"],  # noqa: S607  # whichever is there
        input=_page(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    assert "meta-ai runs list [OPTIONS]" in re.sub(r"\x1b\[[0-9;]*m|.\x08", "", done.stdout)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"_META_AI_COMPLETE": "complete_bash", "COMP_WORDS": "meta-ai ru", "COMP_CWORD": "1"}, "runs"),
        ({"_META_AI_COMPLETE": "complete_bash", "COMP_WORDS": "meta-ai runs l", "COMP_CWORD": "2"}, "list"),
        ({"_META_AI_COMPLETE": "complete_bash", "COMP_WORDS": "meta-ai runs list --st", "COMP_CWORD": "3"}, "--status"),
        ({"_META_AI_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": "meta-ai runs l"}, '"list":'),
        (
            {
                "_META_AI_COMPLETE": "complete_fish",
                "_TYPER_COMPLETE_ARGS": "meta-ai runs l",
                "_TYPER_COMPLETE_FISH_ACTION": "get-args",
            },
            "list\t",
        ),
    ],
)
def test_shells_complete_commands_and_options(environ: dict[str, str], expected: str) -> None:
    done = CliRunner().invoke(build(), [], prog_name="meta-ai", env=environ)
    assert done.exit_code == 0, done.output
    assert expected in done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_each_shell_can_be_shown(shell: str) -> None:
    done = CliRunner().invoke(build(), [], prog_name="meta-ai", env={"_META_AI_COMPLETE": f"source_{shell}"})
    assert (done.exit_code, "_META_AI_COMPLETE=complete_" in done.stdout) == (0, True)
