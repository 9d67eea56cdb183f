"""What an agent is: a name, a topic, and a loop over the topic's events."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from app.deadline import expired
from app.delivery.envelope import Outgoing, Received
from app.delivery.request_handler import RequestHandler
from app.delivery.responder import Responder
from app.dependencies import Dependencies
from app.errors import ResidencyError
from topics.base import Event, Topic

Request = TypeVar("Request", bound=Event)
Response = TypeVar("Response", bound=Event)


@dataclass(frozen=True, slots=True)
class Agent:
    """Reads `topic` in the worker's consumer group; `run` processes its stream until the worker stops."""

    name: str
    topic: Topic[Any]
    run: Callable[[Any, Dependencies], Awaitable[None]]


def event_agent(
    name: str,
    topic: Topic[Request],
    handle: Callable[[Received[Request], Dependencies], Awaitable[Sequence[Outgoing]]],
    *,
    identify: Callable[[Received[Request]], str],
) -> Agent:
    """Return an agent that handles each delivery of an event; those that `identify` calls the same, in their order."""

    async def run(stream: Any, deps: Dependencies) -> None:
        async def handle_with_deps(received: Received[Request]) -> Sequence[Outgoing]:
            return await handle(received, deps)

        await RequestHandler(deps.delivery, topic, handle_with_deps, agent=name, identify=identify, answers=False).run(
            stream
        )

    return Agent(name, topic, run)


def _never(_received: Received[Any]) -> bool:
    return False


def request_agent(
    name: str,
    responder: Responder[Request, Response],
    handle: Callable[[Received[Request], Dependencies], Awaitable[Sequence[Outgoing]]],
    *,
    lane: Callable[[Request], str] | None = None,
    priority: Callable[[Request], int] | None = None,
    expires: bool = True,
) -> Agent:
    """Return an agent that answers each request once, and drops those that nobody waits for any more.

    A request that would take a tenant's data out of its regions is refused, whatever made it.
    `lane` and `priority` are those of `RequestHandler`. Without `expires`, somebody always waits.
    """

    async def run(stream: Any, deps: Dependencies) -> None:
        async def handle_with_deps(received: Received[Request]) -> Sequence[Outgoing]:
            return await within_regions(received, deps, responder, handle)

        await RequestHandler(
            deps.delivery,
            responder.requests,
            handle_with_deps,
            agent=name,
            identify=responder.response_id,
            answers=True,
            failed=responder.failed,
            expired=expired if expires else _never,
            lane=lane,
            priority=priority,
        ).run(stream)

    return Agent(name, responder.requests, run)


async def within_regions(
    received: Received[Request],
    deps: Dependencies,
    responder: Responder[Request, Response],
    handle: Callable[[Received[Request], Dependencies], Awaitable[Sequence[Outgoing]]],
) -> Sequence[Outgoing]:
    """Handle a request, without what its tenant's data must not reach; answer with an error where nothing is left."""
    try:
        admitted = deps.residency.admit(received.event)
    except ResidencyError as error:
        return responder.outgoing(received, responder.failure(received.event, error.code, str(error)))
    return await handle(replace(received, event=admitted), deps)
