"""Keeps this worker's workflows in sync with the topic `definitions`, on which they are deployed."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from app.delivery.kafka.tail import Tail
from app.errors import InvalidEvent, OrchestratorError
from app.partitioner import partition_of
from app.settings import Settings
from app.workflows.definition.definitions import Definitions
from app.workflows.definition.deployment import digest
from app.workflows.definition.spec import Workflow
from topics import DEFINITIONS
from topics.definitions import DefinitionEvent

log = logging.getLogger(__name__)


class DefinitionFeed:
    """Fills `definitions` with what is deployed; `options` are those of any aiokafka consumer.

    `refused` are the versions that this worker cannot run, each with the reason: it lacks a component, or is
    older than the workflow's format. Their runs fail with that reason.
    """

    def __init__(self, settings: Settings, options: Mapping[str, Any], definitions: Definitions) -> None:
        self.refused: dict[tuple[str, int], str] = {}
        self._definitions = definitions
        self._max_bytes = settings.topics.max_message_bytes
        self._partitions = settings.topics.partitions
        self._digests: dict[tuple[str, int], str] = {}
        self._tail = Tail(options, settings.topics.prefix + DEFINITIONS.name, self._take)

    @property
    def caught_up(self) -> bool:
        """Whether the definitions hold all that the topic held at the start."""
        return self._tail.caught_up.is_set()

    async def follow(self) -> None:
        """Follow the topic until cancelled."""
        await self._tail.run()

    async def reach_end(self) -> None:
        """Return when all that the topic holds now is applied: then the versions of all runs are known here."""
        await self._tail.reach_end()

    async def _take(self, record: Any) -> None:
        try:
            event = DEFINITIONS.parse(record.value, max_bytes=self._max_bytes)
            if record.partition == partition_of(event.workflow, self._partitions):  # the others are sent there
                self.apply(event)
        except InvalidEvent as error:  # some other program wrote it: a deployment's events are valid
            log.warning("%s/%s/%s is left out: %s", record.topic, record.partition, record.offset, error)

    def apply(self, event: DefinitionEvent) -> None:
        """Take up a version, or make one the active one.

        The first content of a version counts: it never changes, even if two deployments wrote it at once.
        """
        if event.kind == "active":
            self._definitions.activate(event.workflow, event.version)
            return
        version, content = (event.workflow, event.version), digest(event.spec or {})
        if version not in self._digests:
            self._digests[version] = content
            self._put(event)
        elif self._digests[version] != content:
            text = "version %s of the workflow %s was deployed once more; its first content counts"
            log.error(text, event.version, event.workflow)

    def _put(self, event: DefinitionEvent) -> None:
        try:
            self._definitions.put(_spec(event))
        except OrchestratorError as error:
            self._refuse(event, str(error))
        except Exception as error:  # noqa: BLE001  # one workflow must not keep this worker from all others
            self._refuse(event, f"{type(error).__name__} while it was compiled", defect=error)

    def _refuse(self, event: DefinitionEvent, why: str, *, defect: Exception | None = None) -> None:
        text = "version %s of the workflow %s cannot be run here: %s"
        log.error(text, event.version, event.workflow, why, exc_info=defect)
        self.refused[event.workflow, event.version] = why
        self._definitions.refuse(event.workflow, event.version, why)


def _spec(event: DefinitionEvent) -> Workflow:
    try:
        spec = Workflow.model_validate(event.spec)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "spec"
        text = f"{where}: {first['msg']}; is this worker older than the workflow?"
        raise InvalidEvent("invalid", text) from None
    if (spec.id, spec.version) != (event.workflow, event.version):
        raise InvalidEvent("invalid", f"its spec is version {spec.version} of {spec.id}")
    return spec
