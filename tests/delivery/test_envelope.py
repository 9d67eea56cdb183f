from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.delivery.assignment.assignment import Assignments
from app.delivery.core import Delivery
from app.delivery.envelope import Outgoing, Received, charset, first, headers
from app.errors import InvalidEvent
from app.settings import DeliverySettings
from app.telemetry.metrics import Metrics
from tests.delivery.fakes import TRACEPARENT, Message, Producer, outbox
from topics import TASKS
from topics.tasks import Task

TASK = Task(id="t", input={"question": "why?"})


def _received(*pairs: tuple[str, bytes | None], key: bytes | None = b"key") -> Received[Task]:
    delivery = Delivery(DeliverySettings(), outbox(Producer()), Assignments(lambda _partition: None), Metrics())  # type: ignore[arg-type,return-value]  # none is opened
    return delivery.parse(TASKS, Message("tasks", 2, 7, key, TASK.to_json(), list(pairs) or None))


def _headers(cause: Received[Task] | None) -> dict[str, str]:
    built = headers(Outgoing(TASKS, "t", TASK, "an-id"), source="/test", cause=cause, traceparent=TRACEPARENT)
    assert len({name for name, _ in built}) == len(built)
    return {name: value.decode() for name, value in built}


def test_that_an_event_without_a_cause_has_all_cloudevents_headers() -> None:
    built = _headers(None)
    at = datetime.fromisoformat(built.pop("ce_time"))
    assert at.utcoffset() == UTC.utcoffset(None)
    assert built == {
        "ce_specversion": "1.0",
        "content-type": "application/json",
        "ce_id": "an-id",
        "ce_type": "meta_ai.task",
        "ce_source": "/test",
        "ce_correlationid": "t",
        "traceparent": TRACEPARENT,
    }


def test_that_an_event_names_its_cause_and_keeps_its_correlation() -> None:
    built = _headers(_received(("ce_id", b"cause"), ("ce_correlationid", b"corr")))
    assert (built["ce_causationid"], built["ce_correlationid"]) == ("cause", "corr")


def test_that_a_bare_message_is_named_by_its_place_and_correlated_by_its_key() -> None:
    received = _received()
    assert (received.id, received.correlation_id, received.traceparent) == ("tasks/2/7", "key", None)
    assert _received(key=None).correlation_id == "tasks/2/7"
    assert (received.topic, received.partition, received.offset) == ("tasks", 2, 7)


@pytest.mark.parametrize("garbage", [None, b"", b"\xff\xfe"])
def test_that_garbage_in_a_header_is_as_if_it_were_absent(garbage: bytes | None) -> None:
    received = _received(("ce_id", garbage), ("ce_correlationid", garbage), ("traceparent", garbage))
    assert (received.id, received.correlation_id, received.traceparent) == ("tasks/2/7", "key", None)


def test_that_the_first_value_that_says_something_counts() -> None:
    assert first([("a", None), ("b", b"other"), ("a", b"one"), ("a", b"two")], "a") == "one"
    assert first([], "a") is None


def test_that_a_message_of_another_form_is_refused() -> None:
    delivery = Delivery(DeliverySettings(), outbox(Producer()), Assignments(lambda _partition: None), Metrics())  # type: ignore[arg-type,return-value]  # none is opened
    with pytest.raises(InvalidEvent) as caught:
        delivery.parse(TASKS, Message("tasks", 0, 0, None, None))
    assert caught.value.reason == "null_value"


_NAMES = st.sampled_from(["ce_id", "ce_correlationid", "traceparent", "x"])


@given(pairs=st.lists(st.tuples(_NAMES, st.none() | st.binary(max_size=20))), key=st.none() | st.binary(max_size=20))
def test_that_no_header_or_key_keeps_a_message_from_being_answered(
    pairs: list[tuple[str, bytes | None]], key: bytes | None
) -> None:
    built = _headers(_received(*pairs, key=key))
    assert re.fullmatch(r"(?s).+", built["ce_correlationid"])
    assert built["ce_causationid"]


@pytest.mark.parametrize(
    ("content_type", "found"),
    [
        (None, None),
        (b"application/json", None),
        (b"application/json; charset=utf-16", "utf-16"),
        (b"application/json;v=1; Charset = ISO-8859-1 ", "ISO-8859-1"),
        (b"\xff;charset=x", None),
    ],
)
def test_that_a_charset_may_be_declared(content_type: bytes | None, found: str | None) -> None:
    assert charset([("ce_id", b"1"), ("content-type", content_type)]) == found


def test_that_a_message_is_read_in_its_declared_charset() -> None:
    delivery = Delivery(DeliverySettings(), outbox(Producer()), Assignments(lambda _partition: None), Metrics())  # type: ignore[arg-type,return-value]  # none is opened
    value = '{"input": {"q": "é"}, "colour": 1}'
    message = Message(
        "tasks", 2, 7, None, value.encode("latin-1"), [("content-type", b"application/json; charset=latin1")]
    )
    found = delivery.parse(TASKS, message)
    assert found.event == Task(input={"q": "é"})
    assert (found.unknown, found.value) == (["colour"], value.encode())
