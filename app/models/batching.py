"""Answers that may wait: requests of one model are handed in as a batch, which is looked after until it is over.

A batch lives at the provider; all that is kept of it here can be lost. Whoever has a ticket can ask in any process.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, TypeVar, cast

from app.backoff import full_jitter
from app.errors import BatchExpired, BatchFailed, InvalidRequest, ModelError, ModelTimeout
from app.models.attempting import fault_of
from app.models.base import BatchModel, Collected, Completion, Prompt
from app.models.calling import CLOCK, Clock
from app.models.gate import Gate
from app.models.looking import Looks
from app.models.outcome import Attempt
from app.settings import ModelSettings
from topics.model_requests import Ticket

T = TypeVar("T")

#: Providers take files of up to 200 MB; with so many characters, a batch is handed in before it is full.
_CHARACTERS = 32_000_000
_FIRST_WAIT = 0.5
_LONGEST_WAIT = 20.0
#: What stands in a name for what may not.
_ODD = re.compile(r"[^a-zA-Z0-9_-]+")
_READABLE = 39
_NOTHING = Prompt(())


@dataclass(slots=True)
class _Batch:
    """Requests that are being put together, each under its name, and what comes of them as a whole."""

    handed_in: asyncio.Future[str | ModelError]
    requests: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    waiting: dict[str, int] = field(default_factory=dict)
    characters: int = 0


class Batcher:
    """Puts requests of one model together, and looks after their batches, each once for all who ask."""

    def __init__(self, gate: Gate, settings: ModelSettings, *, clock: Clock = CLOCK) -> None:
        self._gate = gate
        self._settings = settings
        self._clock = clock
        self._open: _Batch | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._looks = Looks(self._look, every=settings.batch.poll, now=clock.now)

    async def submit(self, request_id: str, prompt: Prompt) -> Ticket | ModelError:
        """Return the ticket of a request when the batch into which it went is handed in, or why it was not.

        Raises nothing but CancelledError: whoever is cancelled before that leaves the batch.
        """
        try:
            request = self._model.batched(prompt)
        except ModelError as error:
            return error
        except Exception as fault:  # noqa: BLE001  # a third party's component must not stop the worker
            return fault_of(self._model, fault)
        item = name_of(request_id)
        batch = self._join(item, request, _length(prompt))
        try:
            name = await asyncio.shield(batch.handed_in)
        finally:
            self._leave(batch, item)
        if isinstance(name, ModelError):
            return name
        return Ticket(batch=name, item=item, at=datetime.now(UTC), poll=self._settings.batch.poll)

    async def collect(self, ticket: Ticket) -> Completion | ModelError | Ticket:
        """Return the answer to a request, the error in its place, or the ticket with which to ask again.

        Raises nothing but CancelledError: what may pass, as the provider being away, only makes it last longer.
        """
        found = await self._looks.at(ticket.batch)
        if isinstance(found, Collected):
            return found.of(ticket.item)
        if found is None or found.transient:
            later = max(self._settings.batch.poll, (found.retry_after if found else None) or 0.0)
            return ticket.model_copy(update={"poll": later})
        return found

    async def close(self) -> None:
        """End what is under way; what was not handed in is left to others."""
        if self._timer:
            self._timer.cancel()
        self._looks.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def _model(self) -> BatchModel:
        return cast("BatchModel", self._gate.model)

    def _join(self, item: str, request: Mapping[str, Any], characters: int) -> _Batch:
        batch = self._open
        if batch is None:
            batch = self._open = _Batch(asyncio.get_running_loop().create_future())
            self._timer = asyncio.get_running_loop().call_later(self._settings.batch.window, self._hand_in)
        batch.requests[item] = request
        batch.waiting[item] = batch.waiting.get(item, 0) + 1
        batch.characters += characters
        if len(batch.requests) >= self._settings.batch.size or batch.characters >= _CHARACTERS:
            self._hand_in()
        return batch

    def _leave(self, batch: _Batch, item: str) -> None:
        batch.waiting[item] -= 1
        if batch is self._open and not batch.waiting[item]:
            del batch.requests[item], batch.waiting[item]

    def _hand_in(self) -> None:
        batch, self._open = self._open, None
        if self._timer:
            self._timer.cancel()
        if batch and batch.requests:
            task = asyncio.create_task(self._submit(batch), name="hand a batch in")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _submit(self, batch: _Batch) -> None:
        try:
            batch.handed_in.set_result(await self._insist(batch.requests))
        except ModelError as error:
            batch.handed_in.set_result(error)
        except asyncio.CancelledError:
            batch.handed_in.cancel()
            raise

    async def _insist(self, requests: Mapping[str, Mapping[str, Any]]) -> str:
        """Hand in a batch, again after a transient error, as often and as long as a call is tried."""
        settings, end = self._settings, self._clock.now() + self._settings.total_timeout
        attempt = 0
        while True:
            try:
                return await self._pass(lambda model, timeout: model.submit(requests, timeout=timeout))
            except ModelError as error:
                jitter = full_jitter(attempt, base=_FIRST_WAIT, cap=_LONGEST_WAIT, rng=self._clock.rng)
                wait, attempt = (error.retry_after or 0.0) + jitter, attempt + 1
                if not error.transient or attempt >= settings.attempts or self._clock.now() + wait >= end:
                    raise
            await self._clock.sleep(wait)

    async def _look(self, batch: str) -> Collected | ModelError | None:
        try:
            return await self._pass(lambda model, timeout: model.collect(batch, timeout=timeout))
        except (BatchExpired, BatchFailed) as over:
            return Collected({}, over)
        except InvalidRequest as error:
            lost = BatchFailed(f"the provider does not know the batch: {error}", provider=error.provider)
            return Collected({}, lost)
        except ModelError as error:
            return error

    async def _pass(self, act: Callable[[BatchModel, float], Awaitable[T]]) -> T:
        """Do something at the provider, through the gate, which learns how it went.

        Raises:
            ModelError: it failed; nothing else.
        """
        passage = await self._gate.enter(_NOTHING, priority=0, deadline=None)
        started, attempt = self._clock.now(), None
        try:
            done = await self._held_to_time(act, cast("BatchModel", passage.model))
            attempt = Attempt(1, self._clock.now() - started)
        except ModelError as error:
            attempt = Attempt(1, self._clock.now() - started, error=error)
            raise
        finally:
            passage.leave(attempt)
        return done

    async def _held_to_time(self, act: Callable[[BatchModel, float], Awaitable[T]], model: BatchModel) -> T:
        seconds = self._settings.timeout
        try:
            async with asyncio.timeout(seconds):
                return await act(model, seconds)
        except ModelError:
            raise
        except TimeoutError:
            raise ModelTimeout(f"no answer within {seconds:.3g} s", provider=model.provider) from None
        except Exception as fault:  # noqa: BLE001  # a third party's component must not stop the worker
            raise fault_of(model, fault) from None


def name_of(request_id: str) -> str:
    """Return the name of a request in its batch, which people recognise: at most 64 letters, digits, `-` and `_`."""
    readable = _ODD.sub("-", request_id)[:_READABLE]
    return f"{readable}-{blake2b(request_id.encode(), digest_size=12).hexdigest()}"


def _length(prompt: Prompt) -> int:
    said = sum(len(one.content) + sum(len(image.url) for image in one.images) for one in prompt.messages)
    return said + len(str(prompt.schema or "")) + sum(len(tool.model_dump_json()) for tool in prompt.tools)
