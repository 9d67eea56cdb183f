"""Taking partitions over: reading back what their former owner knew."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

from aiokafka.errors import KafkaError

from app.delivery.envelope import first
from app.delivery.holdings import Holdings
from app.delivery.log import Read, read_back
from app.delivery.tenure import Tenure
from app.settings import Settings
from app.workflows.run import decode
from topics import MODEL_RESPONSES, RETRIEVAL_RESULTS

log = logging.getLogger(__name__)

#: The topics whose events answer requests: what is on them is not done again.
ANSWERS = (MODEL_RESPONSES, RETRIEVAL_RESULTS)


def runs_topic(settings: Settings) -> str:
    """Return the full name of the topic on which the state of runs is written."""
    return f"{settings.topics.prefix}{settings.app_id}-runs"


def answer_window(settings: Settings) -> float:
    """Return for how many seconds an answer must be remembered, since its request may come again until then."""
    return settings.delivery.remember + max((model.total_timeout for model in settings.models.values()), default=0.0)


class Takeover:
    """Fills the holdings of new tenures from the log; `options` are those of any aiokafka client."""

    def __init__(self, settings: Settings, options: Mapping[str, Any]) -> None:
        self._settings = settings
        self._options = options

    async def read(self, new: Collection[Tenure]) -> None:
        """Return when these tenures know the state of their runs, and what has been answered."""
        holdings = {tenure.partition: tenure.holdings for tenure in new}
        limits = self._settings.delivery
        prefix, window = self._settings.topics.prefix, answer_window(self._settings)
        await asyncio.gather(
            self._read(runs_topic(self._settings), holdings, _run(holdings), limits.max_run + limits.remember),
            *(self._read(prefix + topic.name, holdings, _answer(holdings), window) for topic in ANSWERS),
        )
        for held in holdings.values():
            held.finish_loading()

    async def _read(self, topic: str, partitions: Collection[int], read: Read, window: float) -> None:
        """Read back for as long as it takes; reading a part twice changes nothing."""
        while True:
            try:
                await read_back(self._options, topic, partitions, read, window=window)
            except KafkaError as error:
                log.warning("reading %s back again after: %r", topic, error)
                await asyncio.sleep(1.0)
            else:
                return


def _run(holdings: Mapping[int, Holdings]) -> Callable[[Any], None]:
    def read(record: Any) -> None:
        try:
            holdings[record.partition].values.put(record.key.decode(), decode(record.value))
        except (AttributeError, TypeError, ValueError) as error:  # some other program wrote there
            place = f"{record.topic}/{record.partition}/{record.offset}"
            log.error("%s is no run: %s", place, type(error).__name__)  # noqa: TRY400  # says it all

    return read


def _answer(holdings: Mapping[int, Holdings]) -> Callable[[Any], None]:
    # Remembered from now on: after a long pause an answer is old, but may still be asked for.
    now = time.time()

    def read(record: Any) -> None:
        if event_id := first(record.headers, "ce_id"):
            holdings[record.partition].answered.add(event_id, now)

    return read
