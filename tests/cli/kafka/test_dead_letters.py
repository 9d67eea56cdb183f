from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from app.admin.dead_letter_records import DeadLetterRecord, Selection
from app.cli.kafka import dead_letters
from app.cli.output import Output
from topics.dead_letters import DeadLetter


def _letter(offset: int, replayed: datetime | None = None, **lacks: Any) -> DeadLetterRecord:
    place = DeadLetter(topic="tasks", partition=0, offset=offset, reason="too_large", error="no", agent="a", **lacks)
    return DeadLetterRecord(place, b"k", b"v", place.headers(), replayed)


def test_all_are_those_that_are_whole_and_were_not_replayed(capsys: pytest.CaptureFixture[str]) -> None:
    found = [_letter(1), _letter(2, datetime.now(UTC)), _letter(3, cut_from=9), _letter(4, bare=True)]
    chosen = dead_letters._to_replay({letter.id: letter for letter in found}, Selection(), Output())
    assert chosen == found[:1]
    said = "skipped tasks/0/{}: only part of it was kept; replay it with --value\n"
    assert capsys.readouterr().err == said.format(3) + said.format(4)


def test_what_was_cut_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    dead_letters._show(Output(), _letter(3, cut_from=9000))
    assert "cut_from   9000" in capsys.readouterr().out


_AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("wanted", "matches"),
    [
        (Selection(), True),
        (Selection(reason="too_large", topic="tasks", keys=("x", "k")), True),
        (Selection(reason="invalid"), False),
        (Selection(topic="documents"), False),
        (Selection(keys=("x",)), False),
        (Selection(since=_AT.timestamp(), until=_AT.timestamp()), True),
        (Selection(since=_AT.timestamp() + 1), False),
        (Selection(until=_AT.timestamp() - 1), False),
    ],
)
def test_a_dead_letter_is_meant_if_all_that_is_given_is_true(wanted: Selection, *, matches: bool) -> None:
    assert wanted.matches(_letter(1, timestamp=_AT)) is matches


def test_a_dead_letter_of_an_unknown_time_or_key_is_within_none() -> None:
    assert not Selection(since=0.0).matches(_letter(1))
    assert not Selection(keys=("k",)).matches(DeadLetterRecord(_letter(1).place, None, b"v", []))
    assert Selection(keys=("hex ff",)).matches(DeadLetterRecord(_letter(1).place, b"\xff", b"v", []))
