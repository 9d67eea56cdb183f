"""The files that a batch makes: the answers, and what went wrong."""

from __future__ import annotations

from fastapi.exceptions import RequestValidationError

from app.gateway.batches.batch_lines import (
    BatchLine,
    Request,
    answer,
    answered_line,
    failed_line,
    line_task_id,
    make_task,
    principal_of,
    read_request,
)
from app.gateway.files.file_store import FileWriter
from app.gateway.openai.errors import openai_error, openai_status
from app.gateway.parts import Parts
from app.gateway.problems import Refusal, as_refusal
from app.gateway.rest.task_routes import require_allowed
from topics.batches import BatchState

#: The purpose of the files.
PURPOSE = "batch_output"


class OutputWriter:
    """Writes both files of one batch, line by line."""

    def __init__(self, parts: Parts, batch_id: str, state: BatchState) -> None:
        self._parts = parts
        self._id = batch_id
        self._state = state
        self._answers: FileWriter = parts.files.write(state.owner.tenant or "")
        self._errors: FileWriter = parts.files.write(state.owner.tenant or "")

    async def add(self, number: int, line: BatchLine) -> None:
        """Write what became of a line.

        Raises:
            BrokerError: the broker does not answer in time.
        """
        task_id = line_task_id(self._id, number)
        if number > self._state.lines:
            text = "the batch expired before this request was made"
            await self._errors.add(failed_line(line.custom_id, task_id, "batch_expired", text))
            return
        try:
            asked = read_request(line)
            body = await self._answer(asked, task_id)
        except (Refusal, RequestValidationError) as error:
            refusal = as_refusal(error)
            body = openai_error(refusal)
            await self._errors.add(answered_line(line.custom_id, task_id, openai_status(refusal).value, body))
        else:
            await self._answers.add(answered_line(line.custom_id, task_id, 200, body))

    async def _answer(self, asked: Request, task_id: str) -> dict[str, object]:
        if result := await self._parts.log.result(task_id):
            return answer(asked, result)
        owner = principal_of(self._state.owner)
        require_allowed(self._parts, owner, await make_task(self._parts, owner, asked, task_id))  # refused as it was
        raise Refusal.unavailable(
            "result_lost", "the request was refused, or its result is older than topics.retention"
        )

    async def finish(self) -> tuple[str | None, str | None]:
        """Return the ids of the files of answers and of errors, where there is something in them."""
        answers = await self._finished(self._answers, "output")
        return answers, await self._finished(self._errors, "error")

    async def _finished(self, writer: FileWriter, kind: str) -> str | None:
        return (await writer.finish(f"{self._id}_{kind}.jsonl", PURPOSE)).id if writer.size else None
