from __future__ import annotations

import io
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.cli.output import Output, one_line, readable_json, visible, write
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
    output.say_row("q-1  succeeded", long)
    shown = [long, "source  text", f"a.md    {long}", f"q-1  succeeded  {long}"]
    assert capsys.readouterr().out.splitlines() == shown


@pytest.mark.parametrize("name", ["FORCE_COLOR", "COLUMNS", "TTY_COMPATIBLE", "TTY_INTERACTIVE"])
def test_the_environment_does_not_change_that(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "1")
    output = Output()
    output.say("one\ttwo three", style="bold red")
    output.note("one two three")
    assert output.width is None
    assert capsys.readouterr() == ("one\ttwo three\n", "one two three\n")


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _terminal(monkeypatch: pytest.MonkeyPatch) -> _Terminal:
    """Make standard output a terminal of 20 columns; in the test itself, since a fixture's is replaced."""
    found = _Terminal()
    monkeypatch.setattr(sys, "stdout", found)
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("TERM", "dumb")
    return found


def test_a_terminal_gets_whole_words(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _terminal(monkeypatch)
    Output().say("    one two three four five-and-a-half-times-as-long")
    assert terminal.getvalue().splitlines() == ["    one two three", "    four", "    five-and-a-half-times-as-long"]


def test_a_terminal_gets_whole_facts_and_the_beginning_of_a_text(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _terminal(monkeypatch)
    Output().say_row("q-1-which-is-long  succeeded", "word " * 100)
    lines = terminal.getvalue().splitlines()
    assert lines[:2] == ["q-1-which-is-long", "succeeded  word word"]
    assert lines[-1].endswith("…")
    assert sum(map(len, lines)) < 220


def test_a_terminal_is_told_what_has_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _terminal(monkeypatch)
    Output().table(("id", "status", "cost"), [("q-1-and-more", "failed", 12.5)], keep=("status",))
    shown = " ".join(terminal.getvalue().split())
    assert shown == "id status q-1-and-more failed (cost: left out, as the terminal has 20 columns)"


def test_times_are_printed_in_one_form(capsys: pytest.CaptureFixture[str]) -> None:
    moment = datetime(2026, 11, 24, 11, 37, 22, 500, UTC)
    Output().table(("id", "at"), [("a", moment)])
    Output(programs=True).emit({"at": moment})
    assert capsys.readouterr().out.splitlines()[1:] == [
        "a   2026-11-24T11:37:22Z",
        '{"at":"2026-11-24T11:37:22.000500Z"}',
    ]


def test_json_for_people_stays_json_when_it_is_made_visible() -> None:
    value = {"a": "b\x7f\x9b\u2028\u202e\x1b[2J"}
    assert visible(readable_json(value)) == readable_json(value)
    assert json.loads(readable_json(value, indent=2)) == value


def test_what_turns_the_direction_of_text_is_written_out() -> None:
    assert visible("a\u202eb\u2028c שלום") == "a\\u202eb\\u2028c שלום"


def test_half_a_character_is_still_json(capsys: pytest.CaptureFixture[str]) -> None:
    Output(programs=True).emit({"a": "\ud83d"})
    assert json.loads(capsys.readouterr().out) == {"a": "\ud83d"}
