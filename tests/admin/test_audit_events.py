from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.admin.audit_events import Selection
from topics.audit import AuditEvent

_AT = datetime(2026, 1, 1, tzinfo=UTC)
EVENT = AuditEvent(id="e", at=_AT, actor="eve", action="workflow.deployed", subject="refund")


@pytest.mark.parametrize(
    ("wanted", "matches"),
    [
        (Selection(), True),
        (Selection("eve", "workflow.deployed", "refund", _AT.timestamp(), _AT.timestamp()), True),
        (Selection(action="workflow"), True),
        (Selection(action="work"), False),
        (Selection(action="document"), False),
        (Selection(actor="adam"), False),
        (Selection(subject="w"), False),
        (Selection(since=_AT.timestamp() + 1), False),
        (Selection(until=_AT.timestamp() - 1), False),
    ],
)
def test_that_an_event_is_meant_if_all_that_is_given_is_true(wanted: Selection, *, matches: bool) -> None:
    assert wanted.matches(EVENT) is matches
