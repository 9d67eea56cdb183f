"""The audit's chain, through crashes: what was linked and not written is linked again, and is the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from app.audit.chain import ChainHead
from app.audit.verification import PartitionVerifier
from app.settings import Settings
from app.telemetry.metrics import Metrics
from app.worker.run_state_machine import RunStateMachine
from app.workflows.records import Assembler, records
from app.workflows.run import RunState
from tests.agents.deps import received
from tests.agents.engine_contexts import runs
from topics import AUDIT_CHAIN
from topics.audit import AuditEvent
from topics.audit_chain import AuditLink

NOW = 1_700_000_000.0
KEY = b"0123456789abcdef"


def machine(key: bytes = b"") -> RunStateMachine:
    return replace(runs(Settings(), Metrics()), audit_key=key)


def record(offset: int) -> Any:
    event = AuditEvent.model_validate(
        {"id": f"e{offset}", "at": "2026-01-01T00:00:00Z", "actor": "eve", "action": "a", "subject": f"s{offset}"}
    )
    return replace(received(event, partition=1), offset=offset, key=event.subject.encode(), value=event.to_json())


def restored(value: RunState) -> RunState:
    """Return a state as the next owner reads it."""
    log = Assembler()
    for key, written in records("audit\t/1", value, None):
        log.add(key, written)
    (found,) = log.states().values()
    return found


def test_that_each_record_is_linked_in_the_partition_in_which_it_lies() -> None:
    decision = machine().decide(None, record(4), NOW)
    (sent,) = decision.outgoing
    assert (sent.topic, sent.partition, sent.key, sent.id) == (AUDIT_CHAIN, 1, "1/4", "audit/1/4/link")
    assert isinstance(sent.event, AuditLink)
    assert decision.value == ChainHead(4, sent.event.digest)
    assert machine().key(record(4)) == machine().key(record(5)) == "audit\t/1"
    assert machine().wake(ChainHead(4, "x"), NOW).value is None


@given(st.lists(st.booleans(), max_size=30), st.sampled_from([b"", KEY]))
def test_that_crashes_break_no_chain(crashes: list[bool], key: bytes) -> None:
    offset, committed = 0, 0
    state: RunState | None = None
    written: RunState | None = None
    links: list[AuditLink] = []
    for crashed in [*crashes, *[False] * 30]:
        if offset == 8:
            break
        decision = machine(key).decide(state, record(offset), NOW)
        links += [sent.event for sent in decision.outgoing if isinstance(sent.event, AuditLink)]
        state = decision.value or state
        offset += 1
        if crashed:  # the state was written or not; what was not committed comes again
            state, offset = written and restored(written), committed
        elif offset % 3 == 0:
            written, committed = state, offset - 1
    verifier = PartitionVerifier(1, [key])
    for link in links:
        verifier.add_link(link, NOW)
    for at in range(offset):
        one = record(at)
        verifier.add_record(at, one.key, one.value)
    found = verifier.report(begin=0, chain_begin=0, expired=0.0)
    assert (found.findings, found.verified) == ((), offset)
