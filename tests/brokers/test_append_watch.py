from __future__ import annotations

import asyncio
import gc
import socket
import threading
from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from app.brokers import append_watch, embedded
from app.brokers.append_watch import AppendWatch
from app.brokers.base import Connection
from app.brokers.ports import LOOPBACK
from app.settings import BrokerSettings


class Listener:
    """Counts how often it is told."""

    def __init__(self) -> None:
        self.told = 0
        self._event = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def appended(self) -> None:
        self.told += 1
        self._loop.call_soon_threadsafe(self._event.set)

    async def is_told(self) -> None:
        async with asyncio.timeout(30):
            await self._event.wait()
        self._event.clear()


@pytest.fixture
async def connection() -> AsyncIterator[Connection]:
    async with embedded.run(BrokerSettings()) as connection:
        admin = AIOKafkaAdminClient(**connection.options)
        await admin.start()
        await admin.create_topics([NewTopic(name, 3, 1) for name in ("tasks", "other")])
        await admin.close()
        yield connection


@pytest.fixture
async def producer(connection: Connection) -> AsyncIterator[AIOKafkaProducer]:
    async with AIOKafkaProducer(**connection.options) as producer:
        yield producer


def _watch(connection: Connection) -> AppendWatch:
    assert connection.appends is not None
    return connection.appends


@pytest.mark.parametrize("first", [(), ("tasks",)])
async def test_that_who_listens_to_a_topic_is_told_when_it_grows(
    connection: Connection, producer: AIOKafkaProducer, first: tuple[str, ...]
) -> None:
    listener, other, both = Listener(), Listener(), Listener()
    watch = _watch(connection)
    watch.listen(listener.appended, "tasks", first)
    watch.listen(other.appended, "other", ())
    watch.listen(both.appended)
    await asyncio.gather(*(one.is_told() for one in (listener, other, both)))  # what is there at the start is new
    told = other.told
    for partition in (0, 2, 2):
        await producer.send_and_wait("tasks", b"x", partition=partition)
        await listener.is_told()
        await both.is_told()
    assert other.told == told
    await producer.send_and_wait("other", b"x")
    await other.is_told()


async def test_that_a_topic_that_is_made_later_is_watched(
    connection: Connection, producer: AIOKafkaProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(append_watch, "_TOPICS", 0.2)
    listener = Listener()
    _watch(connection).listen(listener.appended, "later")
    admin = AIOKafkaAdminClient(**connection.options)
    await admin.start()
    await admin.create_topics([NewTopic("later", 1, 1)])
    await admin.close()
    await listener.is_told()
    await producer.send_and_wait("later", b"x")
    await listener.is_told()


async def test_that_a_listener_is_forgotten_with_its_object(connection: Connection) -> None:
    watch = _watch(connection)
    watch.listen(Listener().appended)
    gc.collect()
    last = Listener()
    watch.listen(last.appended)
    assert [one() for one, _ in watch._listeners] == [last.appended]


async def test_that_a_broker_that_talks_nonsense_or_is_away_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(append_watch, "_AGAIN", 0.01)
    asked = threading.Semaphore(0)
    with socket.create_server((LOOPBACK, 0)) as server:

        def answer() -> None:
            for said in (b"", b"\0", b"\0\0\0\x05nonsense", b"\0\0\0\x0a\0\0\0\0\0\0\0\7xx"):
                connection, _ = server.accept()
                asked.release()
                connection.recv(1 << 16)
                connection.sendall(said)
                connection.close()

        thread = threading.Thread(target=answer)
        thread.start()
        watch = AppendWatch(f"{LOOPBACK}:{server.getsockname()[1]}")
        watch.listen(Listener().appended)
        await asyncio.to_thread(thread.join)
    watch.stop()
    assert all(asked.acquire(blocking=False) for _ in range(4))


async def test_that_it_ends_with_its_broker() -> None:
    async with embedded.run(BrokerSettings()) as connection:
        _watch(connection).listen(Listener().appended)
    assert not any(thread.name == "append-watch" for thread in threading.enumerate())
