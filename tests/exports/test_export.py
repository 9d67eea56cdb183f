from __future__ import annotations

import gzip
import secrets
import stat
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from app.brokers.base import Connection
from app.brokers.topics import InternalTopic, ensure_topics
from app.client.client import Client, OffsetRange, attach
from app.errors import BrokerError, ConfigurationError
from app.exports import export, importing
from app.exports.export import Exporter
from app.exports.record import ExportedRecord
from app.exports.selection import Condition, Selection, find_ranges
from app.exports.sinks import FileSink
from app.runs.history_reader import runs_topic
from app.settings import Settings, TopicSettings
from topics import RESULTS, TASKS

COUNT = 300


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def client(embedded: Connection) -> AsyncIterator[Client]:
    settings = Settings(topics=TopicSettings(prefix=f"t{secrets.token_hex(4)}-", partitions=4))
    await ensure_topics(embedded, settings.topics)
    async with attach(settings, embedded) as found:
        for number in range(COUNT):
            value = b'{"number":%d}' % number if number % 10 else b"\xff"
            await found.put(
                found.full_name(TASKS), b"q-%d" % number, value, [("n", b"%d" % number)], None, 1000 + number
            )
        await (await found.put(found.full_name(TASKS), b"gone", None, [("none", None)], 3, 9000))
        yield found


async def exported(client: Client, out: Path, where: str | None = None, **wanted: Any) -> list[ExportedRecord]:
    selection = Selection([client.full_name(TASKS)], **wanted)
    sink = FileSink(out)
    await Exporter(client, sink).run(export.begin(selection, await find_ranges(client, selection), where))
    sink.close()
    return list(importing.read(out))


@pytest.mark.asyncio(loop_scope="session")
async def test_that_all_is_there_in_the_order_of_each_partition(client: Client, tmp_path: Path) -> None:
    found = await exported(client, tmp_path / "tasks.jsonl")
    assert len(found) == COUNT + 1
    assert {(one.key, one.value) for one in found} >= {(b"q-0", b"\xff"), (b"q-7", b'{"number":7}'), (b"gone", None)}
    for partition in range(4):
        offsets = [one.offset for one in found if one.partition == partition]
        assert offsets == sorted(offsets)
    assert {one.timestamp for one in found} == {9000, *range(1000, 1000 + COUNT)}
    assert stat.S_IMODE((tmp_path / "tasks.jsonl").stat().st_mode) == 0o600


@pytest.mark.asyncio(loop_scope="session")
async def test_that_only_what_is_meant_is_there(client: Client, tmp_path: Path) -> None:
    in_time = await exported(client, tmp_path / "a.jsonl", since=1.1, until=1.119)
    assert sorted(one.key or b"" for one in in_time) == [b"q-%d" % number for number in range(100, 120)]
    of_one = await exported(client, tmp_path / "b.jsonl", partitions=[3], offsets=OffsetRange(2, 5))
    assert [(one.partition, one.offset) for one in of_one] == [(3, 2), (3, 3), (3, 4)]
    where = "value.number in [7, 8] && headers.n == '7' && key == 'q-7' && topic.endsWith('tasks') && partition >= 0"
    assert [one.key for one in await exported(client, tmp_path / "c.jsonl.gz", where)] == [b"q-7"]


@pytest.mark.asyncio(loop_scope="session")
async def test_that_a_condition_that_cannot_be_computed_is_counted(client: Client, tmp_path: Path) -> None:
    selection, sink = Selection([client.full_name(TASKS)]), FileSink(tmp_path / "tasks.jsonl")
    exporter = Exporter(client, sink)
    await exporter.run(export.begin(selection, await find_ranges(client, selection), "value.number > 5"))
    sink.close()
    assert exporter.condition
    assert exporter.condition.failed == COUNT // 10 + 1
    assert "(at " in exporter.condition.first_failure


class _Full(FileSink):
    """A sink that is full after some messages, as a disk is."""

    def __init__(self, out: Path, room: int, position: int) -> None:
        super().__init__(out, position=position)
        self._room = room

    def write(self, record: ExportedRecord) -> None:
        if self._room == 0:
            raise OSError(28, "No space left on device")
        self._room -= 1
        super().write(record)


@pytest.mark.parametrize("name", ["tasks.jsonl", "tasks.jsonl.gz"])
@pytest.mark.asyncio(loop_scope="session")
async def test_that_an_export_goes_on_after_a_full_disk(
    client: Client, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "_STEP", 0.0)  # each batch is a step
    whole = await exported(client, tmp_path / f"whole-{name}")
    out, selection = tmp_path / name, Selection([client.full_name(TASKS)])
    state = export.begin(selection, await find_ranges(client, selection), None)
    export.save_state(out, state)
    for room in (120, 10, 130, 1000):
        state = export.load_state(out)
        assert await export.deleted_since(client, state) == 0
        sink = _Full(out, room, state.position)
        with suppress(OSError):
            await Exporter(client, sink, lambda now: export.save_state(out, now)).run(state)
        sink.close()  # what was half written is there, and dropped by the next
    found = list(importing.read(out))
    assert sorted(found, key=_place) == sorted(whole, key=_place)
    assert export.load_state(out).read == export.load_state(out).total == COUNT + 1
    assert export.load_state(out).written == COUNT + 1


def _place(record: ExportedRecord) -> tuple[int, int]:
    return record.partition, record.offset


@pytest.mark.asyncio(loop_scope="session")
async def test_that_what_the_broker_has_deleted_meanwhile_is_counted(client: Client) -> None:
    selection = Selection([client.full_name(TASKS)])
    state = export.begin(selection, await find_ranges(client, selection), None)
    state.left[0].begin -= 5  # as if it had begun when there were five more
    assert await export.deleted_since(client, state) == 5
    assert state.left[0].begin == 0


@pytest.mark.asyncio(loop_scope="session")
async def test_that_an_import_sends_what_was_exported(client: Client, tmp_path: Path) -> None:
    await exported(client, tmp_path / "tasks.jsonl.gz")
    there = client.full_name(RESULTS)
    plans = importing.plan(importing.read(tmp_path / "tasks.jsonl.gz"), there)
    planned = plans[there]
    assert (planned.messages, planned.partitions, planned.first, planned.last) == (COUNT + 1, 4, 1000, 9000)
    await importing.check(client, plans, by_key=False)
    assert await importing.send(client, importing.read(tmp_path / "tasks.jsonl.gz"), there) == COUNT + 1
    sink, selection = FileSink(tmp_path / "again.jsonl"), Selection([there])
    await Exporter(client, sink).run(export.begin(selection, await find_ranges(client, selection), None))
    sink.close()
    first, again = (
        sorted((one.partition, one.key or b"", one.value, one.timestamp, one.headers) for one in importing.read(path))
        for path in (tmp_path / "tasks.jsonl.gz", tmp_path / "again.jsonl")
    )
    assert first == again


@pytest.mark.asyncio(loop_scope="session")
async def test_that_what_cannot_be_sent_is_refused_before_anything_is_sent(client: Client) -> None:
    def planned(topic: str, partition: int = 0) -> dict[str, importing.ImportPlan]:
        return importing.plan([ExportedRecord(topic, partition, 0, None, b"k", None)], None)

    with pytest.raises(ConfigurationError, match="there is no topic nothing to import into"):
        await importing.check(client, planned("nothing"), by_key=False)
    with pytest.raises(ConfigurationError, match="are in 8 partitions, and it has 4: use --by-key"):
        await importing.check(client, planned(client.full_name(TASKS), 7), by_key=False)
    await importing.check(client, planned(client.full_name(TASKS), 7), by_key=True)
    state = client.full_name(runs_topic(client.settings))
    await ensure_topics(client.connection, client.settings.topics, [InternalTopic(state, compacted=True)])
    with pytest.raises(ConfigurationError, match="only they may write it"):
        await importing.check(client, planned(state), by_key=True)
    nothing = ExportedRecord(client.full_name(TASKS), 1, 2, None, None, None)
    with pytest.raises(ConfigurationError, match="tasks/1/2 has neither a key nor a value"):
        importing.plan([nothing], None)


@pytest.mark.asyncio(loop_scope="session")
async def test_that_an_import_that_fails_says_where_to_go_on(client: Client) -> None:
    good = ExportedRecord(client.full_name(RESULTS), 0, 0, None, b"k", b"{}")
    huge = ExportedRecord(client.full_name(RESULTS), 0, 1, None, b"k", bytes(client.settings.topics.max_request_bytes))
    with pytest.raises(BrokerError, match="2 messages were sent: go on with --skip 2"):
        await importing.send(client, [good, good, huge, good], None)


@pytest.mark.asyncio(loop_scope="session")
async def test_that_unknown_topics_and_partitions_are_named(client: Client) -> None:
    with pytest.raises(ConfigurationError, match="there is no topic task; there are "):
        await find_ranges(client, Selection(["task"]))
    with pytest.raises(ConfigurationError, match="there is no partition 4: they are 0 to 3"):
        await find_ranges(client, Selection([client.full_name(TASKS)], partitions=[4]))


def test_that_a_wrong_condition_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="unknown name values; did you mean `value`"):
        Condition.parse("values.x == 1")


def test_that_a_file_that_cannot_be_read_is_explained(tmp_path: Path) -> None:
    cut, wrong = tmp_path / "cut.jsonl.gz", tmp_path / "wrong.jsonl"
    cut.write_bytes(gzip.compress(b"x" * 1000)[:-9])
    wrong.write_text('\n{"topic": 1}\n', encoding="utf-8")
    for path, problem in (
        (cut, "is not whole"),
        (wrong, r"wrong.jsonl, line 2: topic: must be a text"),
        (tmp_path / "none.jsonl", "cannot be read: No such file"),
    ):
        with pytest.raises(ConfigurationError, match=problem):
            list(importing.read(path))


def test_that_a_state_that_is_not_there_is_explained(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no export into .* was interrupted"):
        export.load_state(tmp_path / "x.jsonl")
    export.state_path(tmp_path / "x.jsonl").write_text("{", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="begin anew with --force"):
        export.load_state(tmp_path / "x.jsonl")
