from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import InvalidEvent
from tests.topics.samples import any_event
from topics import ALL, DOCUMENTS
from topics.base import Event, Topic
from topics.documents import Document
from topics.step_results import STEP_RESULTS
from topics.tasks import TASKS, Task, salvage

LIMIT = 1024 * 1024
REASONS = {"null_value", "too_large", "not_utf8", "not_json", "invalid"}
Sample = tuple[Topic[Any], Event]


@given(any_event())
def test_every_event_is_read_back_as_it_was_written(sample: Sample) -> None:
    topic, event = sample
    assert topic.parse(event.to_json(), max_bytes=LIMIT) == event


@given(any_event(), st.dictionaries(st.text(max_size=5).map("x-".__add__), st.integers(), min_size=1))
def test_unknown_fields_are_ignored(sample: Sample, unknown: dict[str, int]) -> None:
    topic, event = sample
    later = json.dumps({**json.loads(event.to_json()), **unknown}).encode()
    assert topic.parse(later, max_bytes=LIMIT) == event


@given(any_event())
def test_absent_fields_are_not_written(sample: Sample) -> None:
    _, event = sample
    written = json.loads(event.to_json())
    assert set(written) == {name for name in type(event).model_fields if getattr(event, name) is not None}


@pytest.mark.parametrize(
    ("value", "reason", "words"),
    [
        (None, "null_value", "an event on tasks needs a JSON object"),
        (b"x" * 65, "too_large", "65 bytes are more than delivery.max_event_bytes allows (64)"),
        (b'{"input": {"a": "\xff"}}', "not_utf8", "invalid start byte at byte 17"),
        (b"{", "not_json", "Invalid JSON"),
        (b"", "not_json", "Invalid JSON"),
        (b"null", "invalid", "value: "),
        (b"[]", "invalid", "value: "),
        (b'{"id": "a", "question": "x"}', "invalid", "input: is required; unknown keys: question"),
        (
            b'{"\\u001b[2J": 1, "b": 1, "c": 1, "d": 1, "e": 1, "f": 1}',
            "invalid",
            "unknown keys: '\\x1b[2J', b, c, d, e …",
        ),
        (
            b'{"input": {}} {"input": {}}',
            "not_json",
            "something follows after its end at column 15; send a message for each",
        ),
        (b'{"input": {},\n "id": x}', "not_json", "without its double quotes at line 2 column 8"),
        (b"{}", "invalid", "input: is required"),
        (b'{"input": {}, "metadata": {"a": 1}}', "invalid", "metadata.a: "),
        (b'{"input": {}, "id": ""}', "invalid", "id: "),
    ],
)
def test_bad_bytes_have_a_reason_and_a_sentence(value: bytes | None, reason: str, words: str) -> None:
    with pytest.raises(InvalidEvent) as caught:
        TASKS.parse(value, max_bytes=64)
    assert caught.value.reason == reason
    assert words in str(caught.value)


@pytest.mark.parametrize("value", [None, b"\xff", b"[]", b"{}", b"x"])
def test_a_record_that_is_read_back_has_an_event_or_none(value: bytes | None) -> None:
    result = Document(id="d", text="t" * 10)
    assert DOCUMENTS.event_in(SimpleNamespace(value=result.to_json())) == result
    assert DOCUMENTS.event_in(SimpleNamespace(value=value)) is None


def test_the_reason_never_repeats_the_value() -> None:
    with pytest.raises(InvalidEvent) as caught:
        TASKS.parse(b'{"input": {}, "metadata": {"a": ["sk-secret"]}}', max_bytes=LIMIT)
    assert "sk-secret" not in str(caught.value)


@given(st.sampled_from(ALL), st.binary() | st.text().map(str.encode) | st.from_regex(rb'\{"input": ?.{1,9}\}'))
def test_any_bytes_are_an_event_or_invalid(topic: Topic[Any], value: bytes) -> None:
    try:
        assert isinstance(topic.parse(value, max_bytes=50), topic.event)
    except InvalidEvent as error:
        assert error.reason in REASONS  # noqa: PT017  # either outcome is right


def test_deep_nesting_is_invalid_and_nothing_worse() -> None:
    with pytest.raises(InvalidEvent):
        TASKS.parse(b'{"input": {"a": ' + b"[" * 100_000, max_bytes=LIMIT)


def test_topics_and_kinds_are_named_once() -> None:
    assert len({topic.name for topic in ALL}) == len({topic.type for topic in ALL}) == len(ALL)


Place = tuple[str | int, ...]


def nullable(model: Any, value: Any, path: Place = ()) -> Iterator[Place]:
    """Yield the place of every field in an event's JSON that is optional; what is in a JSON value is its sender's."""
    if isinstance(model, Event):
        for name, field in type(model).model_fields.items():
            if name in value:
                if not field.is_required():
                    yield (*path, name)
                yield from nullable(getattr(model, name), value[name], (*path, name))
    elif isinstance(model, tuple):
        for number, one in enumerate(model):
            yield from nullable(one, value[number], (*path, number))


def changed(value: Any, place: Place, *, gone: bool) -> bytes:
    """Return the JSON in which one field is null, or is gone."""
    copy = holder = json.loads(json.dumps(value))
    for part in place[:-1]:
        holder = holder[part]
    if gone:
        del holder[place[-1]]
    else:
        holder[place[-1]] = None
    return json.dumps(copy).encode()


@given(any_event(), st.data())
def test_null_is_as_absent_in_every_optional_field(sample: Sample, data: st.DataObject) -> None:
    topic, event = sample
    value = json.loads(event.to_json())
    places = list(nullable(event, value))
    if not places:
        return
    place = data.draw(st.sampled_from(places))
    absent = topic.parse(changed(value, place, gone=True), max_bytes=LIMIT)
    assert topic.parse(changed(value, place, gone=False), max_bytes=LIMIT) == absent


@pytest.mark.parametrize("topic", ALL, ids=lambda topic: topic.name)
def test_all_optional_fields_may_be_null_at_once_and_no_required_one(topic: Topic[Any]) -> None:
    fields = topic.event.model_fields
    optional = {name: None for name, field in fields.items() if not field.is_required()}
    if len(optional) == len(fields):
        pytest.skip("it has no required field")
    with pytest.raises(InvalidEvent, match="is required"):
        topic.parse(json.dumps(dict.fromkeys(fields)).encode(), max_bytes=LIMIT)


@pytest.mark.parametrize(
    ("value", "task"),
    [
        (b'{"input": {}, "tenant": null}', Task(input={})),
        (b'{"input": {"a": null}, "workflow": null, "metadata": null, "parent": null}', Task(input={"a": None})),
        (b'{"input": {}, "metadata": {"a": null, "b": "x"}}', Task(input={}, metadata={"b": "x"})),
        (
            b'{"input": {}, "parent": {"task_id": "t", "step": "s", "request_id": "r", "depth": null, "paid": null}}',
            Task.model_validate({"input": {}, "parent": {"task_id": "t", "step": "s", "request_id": "r"}}),
        ),
    ],
)
def test_a_task_with_nulls_is_the_task_without_them(value: bytes, task: Task) -> None:
    assert TASKS.parse(value, max_bytes=LIMIT) == task


def test_nulls_deep_in_other_events_are_absent_too() -> None:
    value = b'{"id": "r", "task_id": "t", "output": {"a": null}, "usage": {"cost": null, "input_tokens": 3}}'
    found = STEP_RESULTS.parse(value, max_bytes=LIMIT)
    assert (found.output, found.usage.input_tokens, found.usage.cost, found.cached) == ({"a": None}, 3, 0.0, False)


def test_what_stays_invalid_besides_a_null_is_named() -> None:
    with pytest.raises(InvalidEvent, match=r"^id: should have at least 1 character"):
        TASKS.parse(b'{"id": "", "input": {}, "tenant": null}', max_bytes=LIMIT)
    with pytest.raises(InvalidEvent, match=r"^input: is required"):
        TASKS.parse(b'{"input": null}', max_bytes=LIMIT)


def test_null_of_a_document_deletes_what_its_key_names() -> None:
    assert DOCUMENTS.decode(None, max_bytes=9, key="a/ü.md".encode()).event == Document(id="a/ü.md", deleted=True)


def test_a_key_may_stand_behind_the_bytes_of_a_registry() -> None:
    key = b'\0\0\0\0\7"a/b.md"'
    assert DOCUMENTS.decode(None, max_bytes=9, key=key).event == Document(id="a/b.md", deleted=True)
    found = salvage(b"{", key)
    assert found
    assert found.id == "a/b.md"


@pytest.mark.parametrize("key", [None, b"", b"\xff", b"k" * 501, b"\0\0\0\0\7\6abc", b'\0\0\0\0\7"a'])
def test_null_without_a_usable_key_deletes_nothing(key: bytes | None) -> None:
    with pytest.raises(InvalidEvent, match="deletes what the message's key names") as caught:
        DOCUMENTS.decode(None, max_bytes=9, key=key)
    assert caught.value.reason == "null_value"


@pytest.mark.parametrize("topic", [topic for topic in ALL if topic is not DOCUMENTS], ids=lambda topic: topic.name)
def test_null_is_not_an_event_elsewhere(topic: Topic[Any]) -> None:
    with pytest.raises(InvalidEvent) as caught:
        topic.decode(None, max_bytes=9, key=b"k")
    assert caught.value.reason == "null_value"


TEXT = '{"id": "ü", "input": {"n": 123456789012345678901234567890}}'


@pytest.mark.parametrize(
    "value",
    [
        TEXT.encode("utf-8-sig"),
        TEXT.encode("utf-16"),
        TEXT.encode("utf-16-be"),
        TEXT.encode("utf-32"),
        b"\0\0\0\0\x07" + TEXT.encode(),
        b"\0" + bytes(8) + TEXT.encode(),
        b"\3\0" + bytes(16) + TEXT.encode(),
    ],
)
def test_what_stands_around_the_json_is_left_out(value: bytes) -> None:
    found = TASKS.decode(value, max_bytes=LIMIT)
    assert found.event == Task(id="ü", input={"n": 123456789012345678901234567890})
    assert found.value == TEXT.encode()


def test_a_text_may_end_as_in_c() -> None:
    for encoding in ("utf-8", "utf-16"):
        value = '{"input": {"q": "é"}}\0\0'.encode(encoding)
        assert TASKS.decode(value, max_bytes=LIMIT).event == Task(input={"q": "é"})


def test_a_declared_charset_is_read() -> None:
    value = '{"input": {"q": "é"}}'.encode("latin-1")
    assert TASKS.decode(value, max_bytes=LIMIT, charset="iso-8859-1").event == Task(input={"q": "é"})


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (b"\0\0\0\0\x2a\x06\x02\x06abc", "the five bytes of a schema registry (0, then the schema's id, 42)"),
        (b"\0\0\0\0\x2a\x06\xff", "use a JSON serializer instead of Avro or Protobuf"),
        (b"\x1f\x8b\x08\x00abc", "the value is compressed with gzip: set the producer's compression.type"),
        (b"{'input': {}}", "strings need double quotes"),
        (b'{"input": {}}\n{"input": {}}', "send a message for each event"),
        (b'"{\\"input\\": {}}"', "the producer encodes it twice"),
        (b'[{"input": {}}]', "send a message for each event"),
        (b'{"schema": {}, "payload": {"input": {}}}', "set schemas.enable=false for the JsonConverter"),
        (
            b'{"specversion": "1.0", "data": {"input": {}}}',
            "input: is required; it is in the envelope of CloudEvents",
        ),
        (b'{"op": "c", "before": null, "after": {}}', "it is in Debezium's envelope"),
        (b'{"input": {}, "deadline": "5m"}', "must be a time with its zone, as in 2026-11-24T11:37:22Z"),
        (b'{"input": {}, "deadline": "2030-01-31"}', "must be a time with its zone, as in 2026-11-24T11:37:22Z"),
        (b'{"input": {}, "id": 7}', "id: must be a string"),
        (b'{"input": {}, "id": "a\\n"}', "must have no control characters, such as line breaks"),
        (b"<task/>", "it is XML or HTML: send a JSON object"),
        (b'// a\n{"input": {}}', "JSON has no comments"),
        (b"eyJpbnB1dCI6IHt9fQ==", "send a JSON object as it is, neither quoted nor encoded"),
        (b'{"input": {"a": NaN}}', "NaN is not valid JSON; send null, or a string"),
        (b'{"input": {"a": 1e999}}', "the number 1e999 is beyond a 64-bit float; send it as a string"),
    ],
)
def test_common_mistakes_are_told_with_their_fix(value: bytes, words: str) -> None:
    with pytest.raises(InvalidEvent) as caught:
        TASKS.parse(value, max_bytes=LIMIT)
    assert words in str(caught.value)


def test_what_was_passed_over_in_an_event_is_known() -> None:
    found = TASKS.decode(rb'{"input": {"a": "\ud83d"}, "piority": 1, "a": 2, "a": 3}', max_bytes=LIMIT)
    assert found.event == Task(input={"a": "\ufffd"})
    assert found.unknown == ["a", "piority"]
    assert len(found.notes) == 2


def test_what_our_own_workers_nested_deeper_is_read() -> None:
    deep: Any = 1
    for _ in range(210):
        deep = [deep]
    value = json.dumps({"id": "r", "task_id": "t", "output": deep}).encode()
    assert STEP_RESULTS.parse(value, max_bytes=LIMIT).output == deep
    with pytest.raises(InvalidEvent, match="nested more than 200 deep"):
        TASKS.parse(json.dumps({"input": {"a": deep}}).encode(), max_bytes=LIMIT)


@pytest.mark.parametrize(
    ("value", "key", "task"),
    [
        (b'{"id": "a", "input": 3, "workflow": "w", "metadata": {"x": "y"}}', b"k", ("a", "w", {"x": "y"})),
        (b'{"id": "a", "workflow": 7, "metadata": 1}', b"k", ("a", "ask", {})),
        (b'{"id": 7, "input": {}}', b"k", ("7", "ask", {})),
        (b'{"id": "", "input": {}}', b" k ", ("k", "ask", {})),
        (b'{"id": true}', b"k", ("k", "ask", {})),
        (b'{"id": ' + b"1" * 300 + b"}", b"k", ("k", "ask", {})),
        (b'{"id": ', b"k", ("k", "ask", {})),
        (None, b"k", ("k", "ask", {})),
        (b"[]", b"k", ("k", "ask", {})),
        ('\ufeff{"id": "a"}'.encode(), None, ("a", "ask", {})),
    ],
)
def test_the_id_of_an_invalid_task_is_its_own_or_its_keys(value: bytes | None, key: bytes | None, task: Any) -> None:
    found = salvage(value, key)
    assert found
    assert (found.id, found.workflow, found.metadata) == task


@pytest.mark.parametrize(("value", "key"), [(b"{", None), (b"{}", b""), (b'{"id": ""}', b"\xff"), (b"{", b"k" * 201)])
def test_an_invalid_task_may_have_no_id(value: bytes, key: bytes | None) -> None:
    assert salvage(value, key) is None
