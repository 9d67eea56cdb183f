from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from app.cli.kafka import dead_letters
from app.cli.kafka.dead_letter_records import DeadLetterRecord
from app.cli.output import Output
from topics.dead_letters import DeadLetter


def _letter(offset: int, replayed: datetime | None = None, **lacks: Any) -> DeadLetterRecord:
    place = DeadLetter(topic="tasks", partition=0, offset=offset, reason="too_large", error="no", agent="a", **lacks)
    return DeadLetterRecord(place, b"k", b"v", place.headers(), replayed)


def test_all_are_those_that_are_whole_and_were_not_replayed(capsys: pytest.CaptureFixture[str]) -> None:
    found = [_letter(1), _letter(2, datetime.now(UTC)), _letter(3, cut_from=9), _letter(4, bare=True)]
    chosen = dead_letters._to_replay({letter.id: letter for letter in found}, Output())
    assert chosen == found[:1]
    said = "skipped tasks/0/{}: only part of it was kept; replay it with --value\n"
    assert capsys.readouterr().err == said.format(3) + said.format(4)


def test_what_was_cut_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    dead_letters._show(Output(), _letter(3, cut_from=9000))
    assert "cut_from   9000" in capsys.readouterr().out
