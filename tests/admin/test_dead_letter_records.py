from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from app.admin import dead_letter_records
from app.admin.dead_letter_records import DeadLetterRecord
from app.client.client import Client
from app.errors import ConfigurationError
from topics.base import Topic
from topics.dead_letters import DeadLetter

_PLACE = DeadLetter(topic="p.tasks", partition=1, offset=7, reason="not_json", error="no", agent="route")


def _letter(**fields: Any) -> DeadLetterRecord:
    own: list[tuple[str, bytes]] = [("x", b"\xff"), ("ce_id", b"1")]
    usual: dict[str, Any] = {"place": _PLACE, "key": b"k", "value": b"old", "headers": [*own, *_PLACE.headers()]}
    return DeadLetterRecord(**{**usual, **fields})


class _Client:
    def __init__(self) -> None:
        self.put_calls: list[tuple[Any, ...]] = []
        self.sent: list[tuple[Any, ...]] = []

    def full_name(self, topic: Topic[Any]) -> str:
        return f"p.{topic.name}"

    async def put(self, *arguments: Any) -> asyncio.Future[None]:
        self.put_calls.append(arguments)
        return _done()

    async def send(self, topic: Topic[Any], key: str, event: Any, **_: Any) -> asyncio.Future[None]:
        self.sent.append((topic.name, key, event))
        return _done()


def _done() -> asyncio.Future[None]:
    future = asyncio.get_running_loop().create_future()
    future.set_result(None)
    return future


async def test_a_replay_is_the_original_without_our_headers_and_is_audited() -> None:
    client = _Client()
    await dead_letter_records.replay(cast("Client", client), _letter(), "me")
    assert client.put_calls == [("p.tasks", b"k", b"old", [("x", b"\xff"), ("ce_id", b"1")])]
    topic, key, event = client.sent[0]
    assert (topic, key, event.action, event.details["mended"]) == (
        "audit",
        "p.tasks/1/7",
        dead_letter_records.REPLAYED,
        False,
    )


async def test_a_corrected_value_replaces_the_original() -> None:
    client = _Client()
    await dead_letter_records.replay(cast("Client", client), _letter(), "me", b"new")
    assert client.put_calls[0][2] == b"new"
    assert client.sent[0][2].details["mended"] is True


@pytest.mark.parametrize("lacks", [{"cut_from": 5000}, {"bare": True}])
async def test_a_part_of_a_message_is_not_sent_as_if_it_were_the_whole(lacks: dict[str, Any]) -> None:
    client = _Client()
    part = _letter(place=_PLACE.model_copy(update=lacks))
    with pytest.raises(ConfigurationError, match=r"only part of it was kept.*--value"):
        await dead_letter_records.replay(cast("Client", client), part, "me")
    assert client.put_calls == []
    await dead_letter_records.replay(cast("Client", client), part, "me", b"whole")
    assert client.put_calls[0][2] == b"whole"


async def test_nothing_is_sent_to_a_topic_that_is_none_of_ours() -> None:
    client = _Client()
    forged = _letter(place=_PLACE.model_copy(update={"topic": "payments"}))
    with pytest.raises(ConfigurationError, match="payments"):
        await dead_letter_records.replay(cast("Client", client), forged, "me")
    assert client.put_calls == []


def test_an_id_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigurationError, match="tasks/0/1"):
        dead_letter_records.pick({}, ["tasks/0/1"])


def test_bytes_that_are_no_text_are_hexadecimal() -> None:
    assert dead_letter_records.as_text(b"\xff\x00") == "hex ff00"
    assert dead_letter_records.as_text("ä".encode()) == "ä"
    assert dead_letter_records.as_text(None) is None


def test_everything_of_a_letter_can_be_had_by_programs() -> None:
    found = dead_letter_records.as_object(_letter(value=b"\xff"))
    assert (found["id"], found["value"], found["value_base64"]) == ("p.tasks/1/7", "hex ff", "/w==")
    assert found["headers"] == [["x", "hex ff"], ["ce_id", "1"]]


def test_what_lies_there_and_is_no_dead_letter_is_skipped() -> None:
    record = SimpleNamespace(headers=[("dl_topic", b"tasks")], key=None, value=b"")
    assert dead_letter_records.parse(record) is None
