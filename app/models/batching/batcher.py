"""Batch APIs: requests of one model are submitted together and polled until the batch is finished.

A batch lives at the provider; all that is kept of it here can be lost. Any process with its ticket can poll it.
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
from app.cancellation import ends_task
from app.errors import BatchExpired, BatchFailed, InvalidRequest, ModelError, ModelTimeout, Unavailable
from app.models.answers.verdict import empty_answer
from app.models.base import BatchModel, BatchResults, Completion, FindsBatches, Prompt
from app.models.batching.polling import BatchPoller
from app.models.calling.attempt import component_fault
from app.models.calling.call import CLOCK, Clock
from app.models.limits.limiter import Limiter
from app.models.outcome import Attempt
from app.settings import ModelSettings
from topics.model_requests import Ticket

T = TypeVar("T")

#: Providers take files of up to 200 MB; with this many characters, a batch is submitted before it is full.
_MAX_CHARACTERS = 32_000_000
#: After these, the provider may have the batch all the same.
_MAYBE_TAKEN = (ModelTimeout, Unavailable)
_BACKOFF_BASE = 0.5
_BACKOFF_CAP = 20.0
#: Replaces characters that a name may not contain.
_NOT_ALLOWED = re.compile(r"[^a-zA-Z0-9_-]+")
_READABLE_LENGTH = 39
_EMPTY_PROMPT = Prompt(())


@dataclass(slots=True)
class _Batch:
    """Requests that are being put together, each under its name, and what comes of them as a whole."""

    submitted: asyncio.Future[str | ModelError]
    requests: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    waiting: dict[str, int] = field(default_factory=dict)
    characters: int = 0


class Batcher:
    """Collects requests of one model into batches and polls each batch once for all waiters."""

    def __init__(self, limiter: Limiter, settings: ModelSettings, *, clock: Clock = CLOCK) -> None:
        self._limiter = limiter
        self._settings = settings
        self._clock = clock
        self._open: _Batch | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._poller = BatchPoller(self._poll, every=settings.batch.poll, now=clock.now)

    async def submit(self, request_id: str, prompt: Prompt) -> Ticket | ModelError:
        """Return the ticket of a request once its batch is submitted, or the error if it was not.

        Raises nothing but CancelledError: a caller cancelled before that leaves the batch.
        """
        try:
            request = self._model.batched(prompt)
        except ModelError as error:
            return error
        except BaseException as fault:  # a third party's component must not stop the worker
            if ends_task(fault):
                raise
            return component_fault(self._model, fault)
        item = batch_item_name(request_id)
        batch = self._join(item, request, _characters(prompt))
        try:
            name = await asyncio.shield(batch.submitted)
        finally:
            self._leave(batch, item)
        if isinstance(name, ModelError):
            return name
        return Ticket(batch=name, item=item, at=datetime.now(UTC), poll=self._settings.batch.poll)

    async def collect(self, ticket: Ticket) -> Completion | ModelError | Ticket:
        """Return the answer to a request, the error in its place, or the ticket with which to ask again.

        Raises nothing but CancelledError: a retryable error, such as an outage, only delays it.
        """
        found = await self._poller.at(ticket.batch)
        if isinstance(found, BatchResults):
            answer = found.of(ticket.item)
            empty = empty_answer(answer, self._model.provider) if isinstance(answer, Completion) else None
            return empty or answer
        if found is None or found.transient:
            later = max(self._settings.batch.poll, (found.retry_after if found else None) or 0.0)
            return ticket.model_copy(update={"poll": later})
        return found

    async def close(self) -> None:
        """Stop what is running; requests not submitted yet are left to other workers."""
        if self._timer:
            self._timer.cancel()
        self._poller.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def _model(self) -> BatchModel:
        return cast("BatchModel", self._limiter.model)

    def _join(self, item: str, request: Mapping[str, Any], characters: int) -> _Batch:
        batch = self._open
        if batch is None:
            batch = self._open = _Batch(asyncio.get_running_loop().create_future())
            self._timer = asyncio.get_running_loop().call_later(self._settings.batch.window, self._submit_open_batch)
        batch.requests[item] = request
        batch.waiting[item] = batch.waiting.get(item, 0) + 1
        batch.characters += characters
        if len(batch.requests) >= self._settings.batch.size or batch.characters >= _MAX_CHARACTERS:
            self._submit_open_batch()
        return batch

    def _leave(self, batch: _Batch, item: str) -> None:
        batch.waiting[item] -= 1
        if batch is self._open and not batch.waiting[item]:
            del batch.requests[item], batch.waiting[item]

    def _submit_open_batch(self) -> None:
        batch, self._open = self._open, None
        if self._timer:
            self._timer.cancel()
        if batch and batch.requests:
            task = asyncio.create_task(self._submit(batch), name="submit a batch")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _submit(self, batch: _Batch) -> None:
        try:
            batch.submitted.set_result(await self._submit_with_retries(batch.requests))
        except ModelError as error:
            batch.submitted.set_result(error)
        except BaseException as fault:  # whatever it is, those who wait for the batch are told
            if ends_task(fault):
                batch.submitted.cancel()
                raise
            batch.submitted.set_result(component_fault(self._model, fault))

    async def _submit_with_retries(self, requests: Mapping[str, Mapping[str, Any]]) -> str:
        """Submit a batch, retrying transient errors like a call."""
        settings, end = self._settings, self._clock.now() + self._settings.total_timeout
        attempt, unsure = 0, False
        while True:
            try:
                return await self._hand_over(requests, unsure=unsure)
            except ModelError as error:
                unsure = unsure or isinstance(error, _MAYBE_TAKEN)
                jitter = full_jitter(attempt, base=_BACKOFF_BASE, cap=_BACKOFF_CAP, rng=self._clock.rng)
                wait, attempt = (error.retry_after or 0.0) + jitter, attempt + 1
                if not error.transient or attempt >= settings.attempts or self._clock.now() + wait >= end:
                    if unsure and (taken := await self._found_at_last(requests)):
                        return taken
                    raise
            await self._clock.sleep(wait)

    async def _hand_over(self, requests: Mapping[str, Mapping[str, Any]], *, unsure: bool) -> str:
        """Submit a batch, unless it is found that the provider has taken it: it would be paid twice."""
        if unsure and (taken := await self._find(requests)):
            return taken
        return await self._through_limiter(lambda model, timeout: model.submit(requests, timeout=timeout))

    async def _found_at_last(self, requests: Mapping[str, Mapping[str, Any]]) -> str | None:
        try:
            return await self._find(requests)
        except ModelError:
            return None

    async def _find(self, requests: Mapping[str, Mapping[str, Any]]) -> str | None:
        async def find(model: BatchModel, timeout: float) -> str | None:
            return await model.find_batch(requests, timeout=timeout) if isinstance(model, FindsBatches) else None

        return await self._through_limiter(find)

    async def _poll(self, batch: str) -> BatchResults | ModelError | None:
        try:
            return await self._through_limiter(lambda model, timeout: model.collect(batch, timeout=timeout))
        except (BatchExpired, BatchFailed) as over:
            return BatchResults({}, over)
        except InvalidRequest as error:
            lost = BatchFailed(f"the provider does not know the batch: {error}", provider=error.provider)
            return BatchResults({}, lost)
        except ModelError as error:
            return error
        except BaseException as fault:  # kept as what was found, it would be raised for all who ask
            if ends_task(fault):
                raise
            return component_fault(self._model, fault)

    async def _through_limiter(self, act: Callable[[BatchModel, float], Awaitable[T]]) -> T:
        """Do something at the provider, through the limiter, which learns how it went.

        Raises:
            ModelError: it failed; nothing else.
        """
        permit = await self._limiter.enter(_EMPTY_PROMPT, priority=0, deadline=None)
        started, attempt = self._clock.now(), None
        try:
            done = await self._with_timeout(act, cast("BatchModel", permit.model))
            attempt = Attempt(1, self._clock.now() - started)
        except ModelError as error:
            attempt = Attempt(1, self._clock.now() - started, error=error)
            raise
        finally:
            permit.leave(attempt)
        return done

    async def _with_timeout(self, act: Callable[[BatchModel, float], Awaitable[T]], model: BatchModel) -> T:
        seconds = self._settings.timeout
        try:
            async with asyncio.timeout(seconds):
                return await act(model, seconds)
        except ModelError:
            raise
        except TimeoutError:
            raise ModelTimeout(f"no answer within {seconds:.3g} s", provider=model.provider) from None
        except BaseException as fault:  # a third party's component must not stop the worker
            if ends_task(fault):
                raise
            raise component_fault(model, fault) from None


def batch_item_name(request_id: str) -> str:
    """Return the name of a request in its batch, which people recognise: at most 64 letters, digits, `-` and `_`."""
    readable = _NOT_ALLOWED.sub("-", request_id)[:_READABLE_LENGTH]
    return f"{readable}-{blake2b(request_id.encode(), digest_size=12).hexdigest()}"


def _characters(prompt: Prompt) -> int:
    said = sum(len(one.content) + sum(len(image.url) for image in one.images) for one in prompt.messages)
    return said + len(str(prompt.schema or "")) + sum(len(tool.model_dump_json()) for tool in prompt.tools)
