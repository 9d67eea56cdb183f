"""Clients that go away while they wait for an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Literal, TypeVar

from fastapi import Request

from topics.signals import Signal

T = TypeVar("T")

#: What becomes of a run whose client has gone.
OnDisconnect = Literal["cancel", "continue"]


class ClientGone(Exception):
    """The client has closed its connection: nobody reads the answer."""


async def unless_gone(request: Request, answer: Coroutine[Any, Any, T]) -> T:
    """Return the answer.

    Raises:
        ClientGone: the client has gone before there was one.
    """
    answering, leaving = asyncio.create_task(answer), asyncio.create_task(_gone(request))
    try:
        await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not answering.done():
            raise ClientGone
        return answering.result()
    finally:
        answering.cancel()
        leaving.cancel()
        await asyncio.gather(answering, leaving, return_exceptions=True)


def cancellation(task_id: str) -> Signal:
    """Return what cancels the run of a task whose client has gone."""
    return Signal(task_id=task_id, kind="cancel", name="the client has gone", actor="gateway")


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
