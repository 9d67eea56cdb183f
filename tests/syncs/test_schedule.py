from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from app.delivery.envelope import Outgoing
from app.partitioner import partition_of
from app.settings import SourceSettings
from app.syncs.schedule import SyncSchedule, slot_of
from tests.delivery.fakes import Harness, until
from tests.syncs.kept import Kept, Opened
from topics import SYNC_REQUESTS

PARTITIONS = 4
HOME = partition_of("kb", PARTITIONS)


class Watched(Kept):
    """Tells when it has changed."""

    def __init__(self) -> None:
        super().__init__()
        self.told = asyncio.Queue[None]()

    async def changes(self) -> AsyncIterator[None]:
        while True:
            await self.told.get()
            yield


class Clerk:
    """A worker's schedule, with a clock that is set by hand."""

    def __init__(self, source: Any = None, **settings: Any) -> None:
        self.now = 1_700_000_000.0
        self.sent: list[Outgoing] = []
        self.harness = Harness()
        described = SourceSettings.model_validate({"kind": "kept", **settings})
        self.schedule = SyncSchedule(
            {"kb": Opened("kb", described, source=source or Kept())},
            self.harness.assignments,
            self._publish,
            PARTITIONS,
            clock=lambda: self.now,
        )

    async def _publish(self, outgoing: Sequence[Outgoing]) -> None:
        self.sent += outgoing


async def test_that_only_the_owner_begins_a_sync_and_once_a_period() -> None:
    clerk = Clerk(schedule=900)
    clerk.harness.own(SYNC_REQUESTS.name, (HOME + 1) % PARTITIONS)
    await clerk.schedule.look()
    assert clerk.sent == []
    clerk.harness.own(SYNC_REQUESTS.name, HOME)
    for _ in range(3):
        await clerk.schedule.look()
    (first,) = clerk.sent
    assert (first.partition, first.key, first.id) == (HOME, "kb", f"kb-{slot_of('kb', 900, clerk.now)}/0")
    clerk.now += 900
    await clerk.schedule.look()
    assert [one.event.slot for one in clerk.sent] == [first.event.slot, first.event.slot + 1]  # type: ignore[attr-defined]  # requests


async def test_that_two_workers_name_the_sync_of_a_period_alike() -> None:
    one, other = Clerk(schedule=60), Clerk(schedule=60)
    for clerk in (one, other):
        clerk.harness.own(SYNC_REQUESTS.name, HOME)
        await clerk.schedule.look()
    assert [sent.event for sent in one.sent] == [sent.event for sent in other.sent]


def test_that_sources_do_not_all_begin_at_once() -> None:
    begins = {next(at for at in range(60) if slot_of(name, 60, at) < slot_of(name, 60, at + 1)) for name in "abcdefgh"}
    assert len(begins) > 3


async def test_that_a_watched_source_is_synced_at_once_and_when_it_changes_while_it_is_owned() -> None:
    source = Watched()
    clerk = Clerk(source, watch=True)
    running = asyncio.create_task(clerk.schedule.run())
    clerk.harness.own(SYNC_REQUESTS.name, HOME)
    await until(lambda: len(clerk.sent) == 1)
    source.told.put_nowait(None)
    await until(lambda: len(clerk.sent) == 2)
    assert len({sent.id for sent in clerk.sent}) == 2
    clerk.harness.own(SYNC_REQUESTS.name, (HOME + 1) % PARTITIONS)
    await until(lambda: source.closed == 1)
    running.cancel()
