"""The health of models, shared by all workers: what each measures goes to `model-health`, and all read it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any

from app.delivery.envelope import Outgoing
from app.delivery.kafka.tail import Tail
from app.delivery.outbox import Outbox, Record
from app.errors import InvalidEvent
from app.routing.health import HealthBoard
from app.routing.health_recorder import HealthRecorder
from app.settings import Settings
from topics import MODEL_HEALTH
from topics.model_health import ModelHealth

#: Seconds after which a worker's last report on a model is removed from the topic: that worker is gone.
_GONE = 86400.0

log = logging.getLogger(__name__)


class HealthFeed:
    """Keeps `board` in sync with the topic, and the topic with this worker's `measures`.

    `options` are those of any aiokafka consumer.
    """

    def __init__(
        self,
        settings: Settings,
        options: Mapping[str, Any],
        board: HealthBoard,
        *,
        measures: HealthRecorder,
        outbox: Outbox,
    ) -> None:
        self._board = board
        self._measures = measures
        self._outbox = outbox
        self._max_bytes = settings.topics.max_message_bytes
        self._gone: set[str] = set()
        self._tail = Tail(options, settings.topics.prefix + MODEL_HEALTH.name, self._apply)

    @property
    def caught_up(self) -> bool:
        """Whether the board holds all that the topic held at the start."""
        return self._tail.caught_up.is_set()

    async def follow(self) -> None:
        """Follow the topic until cancelled."""
        await self._tail.run()

    async def publish_regularly(self, *, interval: float = 1.0) -> None:
        """Send every `interval` seconds what has changed, until cancelled."""
        while True:
            await asyncio.sleep(interval)
            await self._outbox.publish([_outgoing(event) for event in self._measures.take_changed(time.time())])
            if self.caught_up:
                await self._clear()

    async def _clear(self) -> None:
        """Remove the reports of workers that are gone from the topic; several workers may do so."""
        gone, self._gone = sorted(self._gone), set()
        topic = self._outbox.full_name(MODEL_HEALTH)
        await self._outbox.write([Record(topic, key.encode(), None, []) for key in gone])

    async def _apply(self, record: Any) -> None:
        if record.value is None:  # it was removed
            return
        try:
            event = MODEL_HEALTH.parse(record.value, max_bytes=self._max_bytes)
        except InvalidEvent as error:  # some other program wrote it: the workers' events are valid
            log.warning("%s/%s/%s is left out: %s", record.topic, record.partition, record.offset, error)
            return
        if time.time() - event.at.timestamp() > _GONE:
            self._gone.add(_key(event))
        else:
            self._gone.discard(_key(event))
            self._board.apply(event)


def _key(event: ModelHealth) -> str:
    return f"{event.model}/{event.worker}"


def _outgoing(event: ModelHealth) -> Outgoing:
    key = _key(event)
    return Outgoing(MODEL_HEALTH, key, event, f"{key}/{event.at.timestamp()}")
