"""The base of views that follow a topic from its beginning, event by event."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Generic, TypeVar

from app.client.client import Client
from app.delivery.kafka.fetch_pace import FetchPace
from app.delivery.kafka.tail import Tail
from app.errors import BrokerError, InvalidEvent
from app.gateway.problems import Refusal
from topics.base import Event, Topic

log = logging.getLogger(__name__)

E = TypeVar("E", bound=Event)
#: For how long (seconds) a request waits for what is on a topic now.
_END_SECONDS = 10.0


class TopicView(ABC, Generic[E]):
    """Follows a topic, which must exist, as long as it is `running`; what is no event of it is left out.

    `what` says in errors what is known by it, as in `the files`.
    """

    def __init__(self, client: Client, topic: Topic[E], what: str) -> None:
        self._client = client
        self._topic = topic
        self._what = what
        self._pace = FetchPace(client.connection.appends)
        self._tail = Tail({**client.connection.options, "pace": self._pace}, client.full_name(topic), self._saw)

    @abstractmethod
    def _take(self, event: E, record: Any) -> None:
        """Take in the event of a record."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow the topic while the context lasts."""
        async with self._tail.running():
            yield

    @property
    def caught_up(self) -> bool:
        """Whether all is known that the topic held at the start."""
        return self._tail.caught_up.is_set()

    def require_read(self) -> None:
        """Return if all is known that the topic held at the start.

        Raises:
            Refusal: it is still being read.
        """
        if not self.caught_up:
            raise Refusal.starting(self._what)

    async def read_all(self) -> None:
        """Return when all is known that is on the topic now.

        Raises:
            BrokerError: the broker does not say in time.
        """
        self._pace.stir()
        try:
            async with asyncio.timeout(_END_SECONDS):
                await self._tail.reach_end()
        except TimeoutError:
            raise BrokerError(f"the broker did not return {self._what} in time") from None

    async def _saw(self, record: Any) -> None:
        try:
            event = self._topic.parse(record.value, max_bytes=self._client.settings.topics.max_message_bytes)
        except InvalidEvent as error:  # some other program wrote it: ours are valid
            log.warning("%s/%s/%s is left out: %s", record.topic, record.partition, record.offset, error)
        else:
            self._take(event, record)
