"""What an operator decides of a task that waits for an approval: the signal to its run, and the line of the audit."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

from topics.audit import AuditEvent
from topics.signals import Signal
from topics.tasks import Approval

ACTIONS = {"approve": "task.approved", "reject": "task.rejected"}


def objection(wanted: Approval | None, actor: str) -> str | None:
    """Return why `actor` cannot decide; None if they can."""
    if wanted is None:
        return "no policy wants this task to be approved"
    if wanted.requested_by and wanted.requested_by == actor:
        return "who has sent a task cannot approve it: ask somebody else"
    return None


def audit_event(decision: Signal, wanted: Approval) -> AuditEvent:
    """Return the line of the audit for a signal that approves or rejects."""
    return AuditEvent(
        id=uuid4().hex,
        at=datetime.now(UTC),
        actor=decision.actor,
        action=ACTIONS[decision.kind],
        subject=decision.task_id,
        details={"policy": wanted.policy, "requested_by": wanted.requested_by, "reason": decision.name},
    )
