"""Functions of users, as an installed package would bring them."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass
class Ticket:
    id: int
    opened: datetime


def ticket(number: int, *, opened: str = "2026-01-02") -> Ticket:
    return Ticket(number, datetime.fromisoformat(opened).replace(tzinfo=UTC))


async def shout(text: str) -> str:
    await asyncio.sleep(0)
    return text.upper()


def thread() -> str:
    return threading.current_thread().name


def waiting(text: str) -> Any:
    """A plain function that hands out what is still to be awaited."""
    return shout(text)


class Greeter:
    """What is called need not be a function."""

    async def __call__(self, name: str, greeting: str = "Hello") -> str:
        return f"{greeting}, {name}"


greet = Greeter()
number = 3
