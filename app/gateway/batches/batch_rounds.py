"""The rounds of a batch: each is a small piece of work, after which its new state is put on the topic.

A round that a crash has cut short is repeated. That does no harm: the id of a line's task is made of the batch and the
line's number, and a task that is there is not sent again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import NamedTuple

from fastapi.exceptions import RequestValidationError

from app.delivery.kafka.file_reader import FileLost
from app.gateway.batches.batch_lines import (
    InvalidLine,
    line_task_id,
    make_task,
    parse_line,
    principal_of,
    read_request,
)
from app.gateway.batches.batch_outputs import OutputWriter
from app.gateway.json_lines import read_lines
from app.gateway.parts import Parts
from app.gateway.problems import Overloaded, Refusal
from app.gateway.rest.task_routes import send
from topics.batches import BatchError, BatchState
from topics.signals import Signal

#: Requests of one batch.
MOST_LINES = 50_000
#: Lines that one round reads, or counts.
ROUND_LINES = 100
#: Tasks of one batch that have not ended, so that one batch does not fill the memory of the workers.
MOST_OPEN = 1000
_MOST_ERRORS = 100
#: How long a round waits for the next task to end (seconds).
_WAIT_SECONDS = 5.0


class NumberedLine(NamedTuple):
    """A line that is not blank, its number, and how many bytes of the input are read with it."""

    number: int
    text: bytes | None
    ends: int


class Rounds:
    """Makes the rounds of one batch."""

    def __init__(self, parts: Parts, batch_id: str) -> None:
        self._parts = parts
        self._id = batch_id

    async def next(self, state: BatchState, *, cancelled: bool) -> BatchState:
        """Return the state after one more round; `state` itself if there was nothing to do but to wait.

        Raises:
            BrokerError: the broker does not answer in time.
            Overloaded: too many tasks wait.
        """
        try:
            return await self._next(state, cancelled=cancelled)
        except FileLost:
            text = "the input file is older than topics.retention; upload it again"
            return self._reached(state, "failed", errors=(BatchError(code="input_lost", message=text),))

    async def _next(self, state: BatchState, *, cancelled: bool) -> BatchState:  # noqa: PLR0911  # one for each round
        late = datetime.now(UTC) >= state.expires_at
        match state.status:
            case "validating":
                return self._reached(state, "cancelled") if cancelled else await self._validate(state)
            case "in_progress" if (cancelled or late) and self._is_cut_short(state):
                return await self._submit(state)  # what it has sent belongs to the batch too
            case "in_progress" if cancelled or late:
                ending, status = ("cancelled", "cancelling") if cancelled else ("expired", "finalizing")
                await self._cancel_open(state)
                return self._reached(state, status, ending=ending)
            case "in_progress" if state.offset < state.input.bytes and state.lines - state.counted < MOST_OPEN:
                return await self._submit(state)
            case "in_progress" if state.offset == state.input.bytes and state.counted == state.lines:
                return self._reached(state, "finalizing")
            case _ if state.counted < state.lines:
                counted = await self._count(state)
                if counted is state and state.ending != "completed":
                    await self._cancel_open(state)  # a run may begin only after the first signal
                return counted
            case _:
                return await self._finish(state)

    def failed(self, state: BatchState) -> BatchState:
        """Return the state of a batch that cannot go on, whatever is wrong with it."""
        error = BatchError(code="internal", message="an internal error; the gateway's log has it")
        return self._reached(state, "failed", errors=(error,))

    def _is_cut_short(self, state: BatchState) -> bool:
        """Whether a round has sent tasks without a state that says so, as after a crash."""
        following = range(state.lines + 1, state.lines + 1 + ROUND_LINES)
        return any(self._parts.log.knows(line_task_id(self._id, number)) for number in following)

    async def _validate(self, state: BatchState) -> BatchState:
        """Look at all lines before any becomes a task: a file with a mistake costs nothing."""
        total, errors, seen = 0, list[BatchError](), set[int]()
        async for line in self._lines(state.model_copy(update={"offset": 0, "lines": 0})):
            total += 1
            try:
                custom_id = hash(parse_line(line.text, state.endpoint).custom_id)
            except InvalidLine as error:
                errors.append(BatchError(code="invalid_line", message=str(error), line=line.number))
            else:
                if custom_id in seen:
                    text = "custom_id: another line has the same"
                    errors.append(BatchError(code="duplicate_custom_id", message=text, line=line.number))
                seen.add(custom_id)
            if total > MOST_LINES:
                errors.append(BatchError(code="too_many_lines", message=f"a batch has at most {MOST_LINES} requests"))
            if total > MOST_LINES or len(errors) == _MOST_ERRORS:
                break
            await asyncio.sleep(0)
        if not total:
            errors.append(BatchError(code="empty_file", message="the file has no line"))
        if errors:
            return self._reached(state, "failed", errors=tuple(errors))
        return self._reached(state, "in_progress", total=total)

    async def _submit(self, state: BatchState) -> BatchState:
        """Send the tasks of the next lines."""
        sending: list[NumberedLine] = []
        # The end of what was read; blank lines behind the last one are part of it.
        offset, lines = state.input.bytes, state.lines
        async with aclosing(self._lines(state)) as following:
            async for line in following:
                if len(sending) == ROUND_LINES:
                    offset = sending[-1].ends
                    break
                sending.append(line)
                lines = line.number
        sent = await asyncio.gather(*(self._send(state, line) for line in sending))
        return self._after(state, offset=offset, lines=lines, failed=state.failed + sent.count(False))

    async def _send(self, state: BatchState, line: NumberedLine) -> bool:
        """Send the task of a line, and return whether there is one."""
        try:
            asked = read_request(parse_line(line.text, state.endpoint))
            owner = principal_of(state.owner)
            task = await make_task(self._parts, owner, asked, line_task_id(self._id, line.number))
            await send(self._parts, owner, task, once=True)
        except Overloaded:
            raise  # it is sent later
        except (Refusal, RequestValidationError, InvalidLine) as error:
            # In conflict is what was sent before the workflow was deployed anew; why others are refused, the file says.
            return isinstance(error, Refusal) and error.code == "idempotency_conflict"
        return True

    async def _count(self, state: BatchState) -> BatchState:
        """Count the tasks that have ended, in the order of their lines; wait for the next one if it has not."""
        log, completed, failed, counted = self._parts.log, state.completed, state.failed, state.counted
        while counted < min(state.lines, state.counted + ROUND_LINES):
            task_id = line_task_id(self._id, counted + 1)
            if log.knows(task_id):  # others were refused, and are counted, or are blank lines
                if not log.has_ended(task_id):
                    break
                result = await log.result(task_id)
                succeeded = result is not None and result.status == "succeeded"  # it may be too old to be there
                completed, failed = completed + succeeded, failed + (not succeeded)
            counted += 1
        if counted == state.counted:
            await log.wait(line_task_id(self._id, counted + 1), _WAIT_SECONDS)
            return state
        return self._after(state, counted=counted, completed=completed, failed=failed)

    async def _cancel_open(self, state: BatchState) -> None:
        log = self._parts.log
        for number in range(state.counted + 1, state.lines + 1):
            task_id = line_task_id(self._id, number)
            if log.knows(task_id) and not log.has_ended(task_id):
                reason = f"the batch {self._id} has ended"
                await log.signal(Signal(task_id=task_id, kind="cancel", name=reason, actor="gateway"))

    async def _finish(self, state: BatchState) -> BatchState:
        """Write the files, and end."""
        writer = OutputWriter(self._parts, self._id, state)
        async with aclosing(self._lines(state.model_copy(update={"offset": 0, "lines": 0}))) as following:
            async for line in following:
                if line.number > state.lines and state.ending == "cancelled":
                    break
                await writer.add(line.number, parse_line(line.text, state.endpoint))
        output, errors = await writer.finish()
        lost = state.total - state.completed - state.failed if state.ending == "expired" else 0
        return self._reached(
            state, state.ending, output_file_id=output, error_file_id=errors, failed=state.failed + lost
        )

    async def _lines(self, state: BatchState) -> AsyncGenerator[NumberedLine]:
        """Yield the lines from where the state stands."""
        number, max_bytes = state.lines, self._parts.settings.delivery.max_event_bytes
        pieces: AsyncIterator[bytes] = self._parts.files.read(state.input, state.offset)
        async for text, ends in read_lines(pieces, max_bytes):
            number += 1
            if text != b"":
                yield NumberedLine(number, text, state.offset + ends)

    def _reached(self, state: BatchState, status: str, **changes: object) -> BatchState:
        times = {**state.times, status: datetime.now(UTC)}
        return self._after(state, status=status, times=times, **changes)

    def _after(self, state: BatchState, **changes: object) -> BatchState:
        return state.model_copy(update={"round": state.round + 1, **changes})
