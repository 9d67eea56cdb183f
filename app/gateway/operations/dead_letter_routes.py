"""`/v1/dead-letters`: see what could not be processed, fix it and replay it."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from http import HTTPStatus
from typing import Annotated, Any, Self

from aiokafka import TopicPartition
from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, model_validator

from app.admin import dead_letter_records
from app.admin.dead_letter_records import DeadLetterRecord, Selection, as_text
from app.errors import ConfigurationError
from app.gateway.access.admission import Caller, forbidden
from app.gateway.access.rights import require_unlimited
from app.gateway.openapi import WITH_BODY, refusals
from app.gateway.operations.windows import epoch
from app.gateway.parts import Parts
from app.gateway.problems import Refusal
from app.gateway.rest.pages import Cursor, Filter, Limit, newest_page
from app.security.principal import Principal
from topics import ALL, CONSUMED, DEAD_LETTERS, DEFINITIONS
from topics.dead_letters import original_headers

#: An offset is a long.
_LONGEST = 2**63 - 1
Topic = Annotated[str, Path(max_length=249)]
Number = Annotated[int, Path(ge=0, le=2**31 - 1)]
Offset = Annotated[int, Path(ge=0, le=_LONGEST)]
Key = Annotated[list[str] | None, Query(max_length=100, description="those with one of these keys")]
Moment = Annotated[AwareDatetime | None, Query(description="of the original")]


class DeadLetterRow(BaseModel):
    """A dead letter: `id` is the place of the original, `reason` a stable code, `size` in bytes.

    Of one that is not `whole`, the broker took only a part.
    """

    id: str
    topic: str
    partition: int
    offset: int
    timestamp: AwareDatetime | None
    reason: str
    error: str
    agent: str
    key: str | None
    size: int
    whole: bool
    replayed: AwareDatetime | None


class DeadLetterList(BaseModel):
    """Dead letters, newest first, and the cursor of the next page, if there may be more."""

    data: list[DeadLetterRow]
    next: str | None = None


class DeadLetterHeader(BaseModel):
    """A header of the original; what is no text is in hexadecimal."""

    name: str
    value: str | None


class DeadLetterContent(DeadLetterRow):
    """A dead letter with the original: `value` is its text, or hexadecimal, and `value_base64` its very bytes."""

    headers: list[DeadLetterHeader]
    value: str | None
    value_base64: str | None


class ReplayRequest(BaseModel):
    """What to replay instead of the original: `value` as JSON, or `value_base64` as bytes; by default the original."""

    model_config = ConfigDict(extra="forbid")

    value: dict[str, JsonValue] | None = None
    value_base64: Annotated[str, Field(json_schema_extra={"contentEncoding": "base64"})] | None = None

    @model_validator(mode="after")
    def _valid(self) -> Self:
        if self.value is not None and self.value_base64 is not None:
            raise ValueError("give either value or value_base64, not both")
        self.replacement()
        return self

    def replacement(self) -> bytes | None:
        """Return the bytes to replay, or None for the original's."""
        if self.value_base64 is not None:
            return b64decode(self.value_base64, validate=True)
        return None if self.value is None else json.dumps(self.value, allow_nan=False).encode()


class ReplayedDeadLetter(BaseModel):
    """A dead letter that was replayed to its topic; `corrected` tells that its value was replaced."""

    id: str
    topic: str
    corrected: bool


def routes(parts: Parts) -> APIRouter:
    """Return the routes."""
    router = APIRouter()

    @router.get("/v1/dead-letters", responses=refusals())
    async def dead_letters(  # one for each parameter
        *,
        reason: Filter = None,
        topic: Filter = None,
        key: Key = None,
        since: Moment = None,
        until: Moment = None,
        limit: Limit = 20,
        cursor: Cursor = "",
    ) -> DeadLetterList:
        """List dead letters, newest first."""
        wanted = Selection(reason, _full_name(parts, topic), key or (), epoch(since), epoch(until))

        def take(record: Any) -> tuple[float, DeadLetterRow] | None:
            letter = dead_letter_records.parse(record)
            return (record.timestamp / 1000, _row(letter)) if letter and wanted.matches(letter) else None

        async with parts.scanning():
            page = await newest_page(parts.client, DEAD_LETTERS, cursor, limit, take)
            first = min((at for at, _ in page.rows), default=None)
            replayed = {} if first is None else await dead_letter_records.replay_times(parts.client, first)
        rows = [row.model_copy(update={"replayed": replayed.get(row.id)}) for _, row in page.rows]
        return DeadLetterList(data=rows, next=page.next)

    @router.get("/v1/dead-letters/{topic}/{partition}/{offset}", responses=refusals(404))
    async def dead_letter(topic: Topic, partition: Number, offset: Offset) -> DeadLetterContent:
        """Return a dead letter with the original's bytes, by the place of the original."""
        return _content(await _find(parts, topic, partition, offset))

    @router.post(
        "/v1/dead-letters/{topic}/{partition}/{offset}/replay",
        status_code=HTTPStatus.ACCEPTED,
        responses=refusals(404, 409, *WITH_BODY),
    )
    async def replay(
        topic: Topic, partition: Number, offset: Offset, asked: ReplayRequest, caller: Caller
    ) -> ReplayedDeadLetter:
        """Put the original, or what is given in its place, on its topic, with its key and headers."""
        letter, value = await _find(parts, topic, partition, offset), asked.replacement()
        _require_may_replay(parts, caller, letter)
        try:
            await dead_letter_records.replay(parts.client, letter, caller.id, value)
        except ConfigurationError as error:
            raise Refusal(HTTPStatus.CONFLICT, "not_replayable", str(error)) from None
        return ReplayedDeadLetter(id=letter.id, topic=letter.place.topic, corrected=value is not None)

    return router


def _require_may_replay(parts: Parts, caller: Principal, letter: DeadLetterRecord) -> None:
    """Return if a principal may have the original, or what it gives in its place, processed.

    Raises:
        Refusal: it may not, or workers do not read the topic.
    """
    require_unlimited(caller)
    if letter.place.topic not in {parts.client.full_name(one) for one in CONSUMED}:
        text = f"{letter.id}: workers do not read {letter.place.topic}"
        raise Refusal(HTTPStatus.CONFLICT, "not_replayable", text)
    if letter.place.topic == parts.client.full_name(DEFINITIONS) and not caller.may("workflows:deploy"):
        raise forbidden("this deploys a workflow, and workflows:deploy is not allowed to you")


async def _find(parts: Parts, topic: str, partition: int, offset: int) -> DeadLetterRecord:
    place = TopicPartition(_full_name(parts, topic), partition)
    async with parts.scanning():
        found = await dead_letter_records.find(parts.client, place, offset)
    if found is None:
        text = "there is no dead letter of an original at this place; GET /v1/dead-letters lists them"
        raise Refusal(HTTPStatus.NOT_FOUND, "unknown_dead_letter", text)
    return found


def _full_name(parts: Parts, topic: str | None) -> str | None:
    """Return the full name of a topic that is given with or without the prefix."""
    return parts.settings.topics.prefix + topic if topic in {one.name for one in ALL} else topic


def _row(letter: DeadLetterRecord) -> DeadLetterRow:
    place = letter.place
    return DeadLetterRow(
        id=letter.id,
        **place.model_dump(exclude={"cut_from", "bare"}),
        key=as_text(letter.key),
        size=len(letter.value or b""),
        whole=place.whole,
        replayed=letter.replayed,
    )


def _content(letter: DeadLetterRecord) -> DeadLetterContent:
    headers = [DeadLetterHeader(name=name, value=as_text(value)) for name, value in original_headers(letter.headers)]
    bytes_ = None if letter.value is None else b64encode(letter.value).decode()
    return DeadLetterContent(**dict(_row(letter)), headers=headers, value=as_text(letter.value), value_base64=bytes_)
