"""Taking partitions over: reading back what their former owner knew."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from typing import Any

from aiokafka.errors import KafkaError

from app.delivery.assignment import suspicion
from app.delivery.assignment.assignment import AssignmentEnded, PartitionAssignment
from app.delivery.envelope import first
from app.delivery.state import answered_requests
from app.delivery.state.partition_state import PartitionState
from app.delivery.state.state_log import Read, read_back
from app.settings import Settings
from app.workflows.records import Assembler
from app.workflows.run import Done
from topics import (
    AUDIT_CHAIN,
    MODEL_REQUESTS,
    MODEL_RESPONSES,
    RESULTS,
    RETRIEVAL_REQUESTS,
    RETRIEVAL_RESULTS,
    STEP_REQUESTS,
    STEP_RESULTS,
    WEBHOOK_RESULTS,
)

log = logging.getLogger(__name__)

#: The topics whose events answer requests: what is on them is not done again.
ANSWERS = (MODEL_RESPONSES, RETRIEVAL_RESULTS, STEP_RESULTS, WEBHOOK_RESULTS)
#: What the owner of a partition writes to its own partition, besides the state: nobody else may. Webhooks are not
#: among it: one that a former owner has called too has the same id.
OWNED = (
    MODEL_RESPONSES,
    RETRIEVAL_RESULTS,
    STEP_RESULTS,
    RETRIEVAL_REQUESTS,
    MODEL_REQUESTS,
    STEP_REQUESTS,
    RESULTS,
    AUDIT_CHAIN,
)
#: Partitions that are fenced within so many seconds are read back together.
_TOGETHER_SECONDS = 1.0


def runs_topic(settings: Settings) -> str:
    """Return the full name of the topic on which the state of runs is written."""
    return f"{settings.topics.prefix}{settings.app_id}-runs"


def fenced_topics(settings: Settings) -> list[str]:
    """Return the full names of the topics to which a partition's former owner must not write."""
    return [runs_topic(settings), *(settings.topics.prefix + topic.name for topic in OWNED)]


def answer_topics(settings: Settings) -> list[str]:
    """Return the full names of the topics whose events answer requests."""
    return [settings.topics.prefix + topic.name for topic in ANSWERS]


def answer_window(settings: Settings) -> float:
    """Return for how many seconds an answer must be remembered, since its request may come again until then."""
    calls = [one.total_timeout for one in settings.models.values()]
    requests = [one.timeout for one in settings.connectors.values()]
    return settings.delivery.remember + max([*calls, *requests], default=0.0)


def refresh_interval(settings: Settings) -> float:
    """Return after how many seconds at the latest what lasts is written again in full."""
    return settings.delivery.remember / 2


def new_partition_state(settings: Settings, partition: int) -> PartitionState:
    """Return what the owner of a partition keeps, still empty: runs and slots last, ended runs are forgotten."""
    return PartitionState(
        partition,
        wake_at=lambda state: state.wake_at,
        window=answer_window(settings),
        lasts=lambda state: not isinstance(state, Done),
        refresh=refresh_interval(settings),
    )


async def _nothing() -> None:
    """Await nothing."""


async def _nobody(_found: Mapping[PartitionAssignment, bytes | None]) -> None:
    """Leave nothing to the next owner."""


class StateRestorer:
    """Restores the state of newly assigned partitions from the log; `options` are those of any aiokafka client.

    `fence` shuts a partition's former owner out before anything is read: what was read would not be all. When the runs
    are read back, and before anything happens to them, `take_over` is given what the former owners left, and
    `before_open` is awaited.
    """

    def __init__(
        self,
        settings: Settings,
        options: Mapping[str, Any],
        *,
        fence: Callable[[PartitionAssignment], Coroutine[Any, Any, None]] | None = None,
        take_over: Callable[[Mapping[PartitionAssignment, bytes | None]], Awaitable[None]] = _nobody,
        before_open: Callable[[], Awaitable[None]] = _nothing,
    ) -> None:
        self._take_over = take_over
        self._settings = settings
        self._options = options
        self._fence = fence
        self._before_open = before_open

    async def read(self, new: Collection[PartitionAssignment]) -> None:
        """Return when these assignments know the state of their runs, and what has been answered.

        Those that are fenced soon are read back together; one that is not, because its leader is away, holds up none.
        """
        if self._fence is None:
            await self._read_together(new)
            return
        fencing = {asyncio.create_task(self._fence(assignment)): assignment for assignment in new}
        try:
            async with asyncio.TaskGroup() as reading:
                await asyncio.wait(fencing, timeout=_TOGETHER_SECONDS)
                while fencing:
                    done, _ = await asyncio.wait(fencing, return_when=asyncio.FIRST_COMPLETED)
                    fenced = [assignment for task in done if _succeeded(task, assignment := fencing.pop(task))]
                    if fenced:
                        reading.create_task(self._read_together(fenced))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        finally:
            for task in fencing:
                task.cancel()

    async def _read_together(self, new: Collection[PartitionAssignment]) -> None:
        partition_state = {assignment.partition: assignment.partition_state for assignment in new}
        found: defaultdict[int, Assembler] = defaultdict(Assembler)
        window = answer_window(self._settings)
        # What lasts is written again within the interval, and where that came too late, the log says so itself.
        runs_window = max(self._settings.delivery.remember + refresh_interval(self._settings), window)
        owners: dict[int, bytes | None] = {}
        await self._read(
            runs_topic(self._settings), partition_state, _part(found, partition_state, owners), runs_window
        )
        await asyncio.gather(
            self._take_over({assignment: owners.get(assignment.partition) for assignment in new}),
            *(self._read_answers(name, partition_state, window) for name in answer_topics(self._settings)),
        )
        await self._before_open()
        for partition, held in partition_state.items():
            _restore(found[partition], held)
            held.finish_loading()
            await asyncio.sleep(0)

    async def _read_answers(self, topic: str, partition_state: Mapping[int, PartitionState], window: float) -> None:
        """Read back what was answered since the last checkpoint."""
        covered = {
            number: at
            for number, held in partition_state.items()
            if (at := held.answered.covered.get(topic)) is not None
        }
        ends = await self._read(topic, partition_state, _answer(partition_state), window, covered)
        for partition, end in ends.items():
            partition_state[partition].answered.covered[topic] = end

    async def _read(
        self,
        topic: str,
        partitions: Collection[int],
        read: Read,
        window: float,
        starts: Mapping[int, int] | None = None,
    ) -> Mapping[int, int]:
        """Read back for as long as it takes, and return the ends; reading a part twice changes nothing."""
        while True:
            try:
                return await read_back(self._options, topic, partitions, read, window=window, starts=starts)
            except KafkaError as error:
                log.warning("reading %s back again after: %r", topic, error)
                await asyncio.sleep(1.0)


def _succeeded(fencing: asyncio.Task[None], assignment: PartitionAssignment) -> bool:
    """Return whether an assignment is fenced, False if it has ended; raise what fencing it raised otherwise."""
    try:
        fencing.result()
    except AssignmentEnded:
        return False
    return not assignment.ended


def _part(
    found: Mapping[int, Assembler], partition_state: Mapping[int, PartitionState], owners: dict[int, bytes | None]
) -> Read:
    # What was answered is remembered from now on: after a long pause it is old, but may still be asked for.
    now = time.time()

    def read(record: Any) -> None:
        key, at = (record.key or b"").decode(errors="replace"), record.timestamp / 1000
        if key.startswith(answered_requests.PREFIX):
            partition_state[record.partition].answered.restore_checkpoint(key, record.value, at, now)
        elif key == suspicion.KEY:
            owners[record.partition] = record.value
        else:
            found[record.partition].add(key, record.value, at)

    return read


def _restore(assembler: Assembler, held: PartitionState) -> None:
    for key, state in assembler.states().items():
        held.values.restore(key, state, assembler.written_at(key))
    for key, reason in assembler.refused.items():  # some other program wrote there
        log.error("%r in partition %d is no run: %s", key, held.values.partition, reason)


def _answer(partition_state: Mapping[int, PartitionState]) -> Read:
    now = time.time()  # as in `_part`

    def read(record: Any) -> None:
        if event_id := first(record.headers, "ce_id"):
            partition_state[record.partition].answered.restore(event_id, now)

    return read
