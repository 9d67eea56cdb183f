from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from app.gateway.batches.batch_lines import line_task_id
from app.gateway.batches.batch_log import BatchLog
from app.gateway.batches.batch_rounds import Rounds
from app.gateway.parts import Parts
from app.security.policies import PolicyDenied
from app.security.principal import Principal
from app.settings import ModelSettings, Settings
from tests.gateway.batches.test_batch_routes import CHAT, line
from topics.batches import BatchEvent, BatchState
from topics.files import StoredFile
from topics.signals import Signal
from topics.tasks import Task

NOW = datetime.now(UTC)


@dataclass
class Scene:
    """The parts of a gateway that one batch needs: a file in memory, and a log of tasks."""

    data: bytes
    sent: dict[str, Task] = field(default_factory=dict)
    cancelled: list[str] = field(default_factory=list)
    workflows: Mapping[str, Any] = field(default_factory=lambda: {"passthrough": {}})
    settings: Settings = field(default_factory=lambda: Settings(models={"m": ModelSettings(provider="scripted")}))

    @property
    def rounds(self) -> Rounds:
        return Rounds(cast("Parts", _Parts(self)), "b")

    async def read(self, _file: StoredFile, start: int = 0) -> AsyncIterator[bytes]:
        yield self.data[start:]

    def knows(self, task_id: str) -> bool:
        return task_id in self.sent

    def has_ended(self, _task_id: str) -> bool:
        return False

    async def submit_once(self, task: Task) -> None:
        self.sent[str(task.id)] = task

    async def signal(self, signal: Signal) -> None:
        self.cancelled.append(signal.task_id)

    def check(self, _task: Task) -> None:
        """Let no task wait."""

    def approval(self, principal: Principal, _task: Task, _workflow: object) -> None:
        """Need none, and deny guests."""
        if "guest" in principal.roles:
            raise PolicyDenied("guests", "no guests")

    def answer_step(self, _workflow: str) -> str:
        return "answer"


class _Parts:
    def __init__(self, scene: Scene) -> None:
        self.settings, self.log, self.files, self.catalog, self.lag, self.policies = scene.settings, *[scene] * 5


def lines(count: int) -> bytes:
    return b"".join(json.dumps(line(str(number), CHAT)).encode() + b"\n\n" for number in range(count))


def state(data: bytes, **fields: Any) -> BatchState:
    file = StoredFile(id="f", bytes=len(data), created_at=NOW)
    known = {
        "owner": {"id": "gateway", "kind": "local"},
        "status": "in_progress",
        "times": {"created": NOW},
        "expires_at": NOW + timedelta(hours=1),
    }
    return BatchState.model_validate({"endpoint": "/v1/chat/completions", "input": file, **known, **fields})


async def test_that_rounds_pass_over_each_line_once_and_a_repeated_one_sends_the_same() -> None:
    scene = Scene(lines(250))
    now, rounds = state(scene.data, total=250), scene.rounds
    while now.offset < len(scene.data):
        again = await rounds.next(now, cancelled=False)
        before = dict(scene.sent)
        now = await rounds.next(now, cancelled=False)
        assert (now, scene.sent) == (again, before)
    assert now.round == 3
    assert len(scene.sent) == 250
    assert scene.sent.keys() == {line_task_id("b", 1 + 2 * number) for number in range(250)}  # every other is blank


async def test_that_what_a_round_has_sent_before_a_crash_is_cancelled_too() -> None:
    scene = Scene(lines(3))
    begun = state(scene.data, total=3)
    await scene.rounds.next(begun, cancelled=False)  # and the state is lost
    now = await scene.rounds.next(begun, cancelled=True)
    assert (now.status, now.lines) == ("in_progress", 5)
    now = await scene.rounds.next(now, cancelled=True)
    assert now.status == "cancelling"
    assert sorted(scene.cancelled) == sorted(scene.sent)


async def test_that_what_its_owner_may_not_do_no_line_may() -> None:
    limited = {"id": "key:1", "kind": "api_key", "tenant": "acme", "models": ["other"]}
    scene = Scene(lines(2))
    now = await scene.rounds.next(state(scene.data, owner=limited), cancelled=False)
    assert (now.failed, scene.sent) == (2, {})
    now = await scene.rounds.next(
        state(scene.data, owner={**limited, "models": ["m"], "roles": ["guest"]}), cancelled=False
    )
    assert (now.failed, scene.sent) == (2, {})
    spent = {"name": "key", "limit": 1.0, "period": 60.0}
    allowed = state(scene.data, owner={**limited, "models": ["m"], "spend_limit": spent})
    assert (await scene.rounds.next(allowed, cancelled=False)).failed == 0
    found = {(task.tenant, task.spend_limit and task.spend_limit.limit) for task in scene.sent.values()}
    assert found == {("acme", 1.0)}


def test_that_of_two_owners_the_first_state_on_the_topic_counts() -> None:
    log = BatchLog.__new__(BatchLog)
    log._states, log._cancelled, log._seen = {}, set(), {}
    log._retention = timedelta(days=1)
    log.active = asyncio.Event()

    def see(**fields: Any) -> None:
        event = BatchEvent(batch_id="b", state=state(b"", **fields))
        log._take(event, None)

    see(round=1)
    log._apply(BatchEvent(batch_id="b", state=state(b"", round=2, counted=5)))  # this gateway's own
    see(round=2, counted=3)
    see(round=2, counted=5)
    see(round=1)
    found = log.get("b")
    assert found
    assert (found.round, found.counted) == (2, 3)
