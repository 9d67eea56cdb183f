"""Which workflows are deployed, as the topic `definitions` says."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from pydantic import JsonValue

from app.brokers.base import Connection
from app.delivery.kafka.fetch_pace import FetchPace
from app.delivery.kafka.tail import Tail
from app.errors import BrokerError, InvalidEvent
from app.gateway.problems import Refusal
from app.settings import Settings
from topics import DEFINITIONS

log = logging.getLogger(__name__)

#: Seconds: how often a broker that does not wake a waiting fetch is asked, and for how long at most.
_PAUSE, _END_SECONDS = 1.0, 10.0

Spec = Mapping[str, JsonValue]


class Catalog:
    """The specs of the active versions, `built_in` ones included; `start`, then `stop`, both once."""

    def __init__(self, settings: Settings, connection: Connection, built_in: Mapping[str, Spec]) -> None:
        self._max_bytes = settings.topics.max_message_bytes
        self._specs: dict[tuple[str, int], Spec] = {}
        self._active: dict[str, Spec] = dict(built_in)
        options = {"bootstrap_servers": connection.bootstrap_servers, **connection.client_options}
        pace = FetchPace(_PAUSE if connection.idle_pause else 0.0)
        self._tail = Tail({**options, "pace": pace}, settings.topics.prefix + DEFINITIONS.name, self._take)

    async def start(self) -> None:
        """Begin to follow the topic, which must exist."""
        self._task = asyncio.create_task(self._tail.run())

    async def stop(self) -> None:
        """Stop following."""
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    @property
    def caught_up(self) -> bool:
        """Whether all is known that was deployed before the start."""
        return self._tail.caught_up.is_set()

    @property
    def workflows(self) -> Mapping[str, Spec]:
        """The spec of the active version of each workflow."""
        return self._active

    async def check_workflow(self, workflow: str) -> None:
        """Return if a workflow is deployed, even if that was only a moment ago.

        Raises:
            Refusal: it is not.
            BrokerError: the broker does not say in time.
        """
        if workflow in self._active:
            return
        try:
            async with asyncio.timeout(_END_SECONDS):
                await self._tail.reach_end()
        except TimeoutError:
            raise BrokerError("the broker did not return the deployed workflows in time") from None
        if workflow not in self._active:
            known = ", ".join(sorted(self._active))
            text = f"no workflow is called {workflow}; there are {known}; deploy it, or name another"
            raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "unknown_workflow", text)

    async def _take(self, record: Any) -> None:
        try:
            event = DEFINITIONS.parse(record.value, max_bytes=self._max_bytes)
        except InvalidEvent as error:  # some other program wrote it: a deployment's events are valid
            log.warning("%s/%s/%s is left out: %s", record.topic, record.partition, record.offset, error)
            return
        version = event.workflow, event.version
        if event.kind == "version":
            self._specs.setdefault(version, event.spec or {})
        elif version in self._specs:
            self._active[event.workflow] = self._specs[version]
