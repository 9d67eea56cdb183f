from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.cli.output import Output, one_line, visible, write
from app.errors import ConfigurationError


def test_control_characters_are_written_out() -> None:
    assert visible("a\x1b[31mb\x07\u009bc\nd\te") == "a\\x1b[31mb\\x07\\x9bc\nd\te"


def test_one_line_joins_and_cuts() -> None:
    assert one_line("a\n  b\tc") == "a b c"
    assert one_line("x" * 20, limit=5) == "xxxx…"


def test_programs_get_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(programs=True)
    output.say("for people only")
    output.emit({"text": "zwei\nZeilen"})
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [{"text": "zwei\nZeilen"}]


def test_brackets_in_foreign_text_are_not_markup(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output()
    output.say("see [1] and [bold]this[/bold]")
    output.table(("source", "n"), [("[2] a.md", 1)])
    shown = capsys.readouterr().out
    assert "see [1] and [bold]this[/bold]" in shown
    assert "[2] a.md" in shown


def test_notes_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    Output(programs=True).note("careful")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "careful\n")


def test_a_file_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be written"):
        write(tmp_path / "absent" / "file", "x")


def test_where_nobody_looks_nothing_is_wrapped_cut_or_coloured(capsys: pytest.CaptureFixture[str]) -> None:
    output, long = Output(), "word " * 200 + "end"
    output.say(long, style="bold red")
    output.table(("source", "text"), [("a.md", long)])
    assert capsys.readouterr().out.splitlines() == [long, f"source  {'text':<{len(long)}}", f"a.md    {long}"]
