"""Tell when something is appended to a broker that wakes no waiting fetch."""

from __future__ import annotations

import logging
import socket
import struct
import threading
import time
from collections.abc import Callable, Collection, Iterator
from typing import Any
from weakref import WeakMethod

from aiokafka.protocol.metadata import MetadataRequest_v1
from aiokafka.protocol.offset import OffsetRequest_v1, OffsetResetStrategy

#: Seconds between two questions about the topics of `first`, between two about all topics, and between two looks at
#: which topics there are.
_FIRST, _ALL, _TOPICS = 0.1, 0.5, 5.0
#: Seconds after which a broker that does not answer is asked over a new connection.
_TIMEOUT = 5.0
#: Seconds before that.
_AGAIN = 1.0
#: Bytes before the topics of an answer (correlation id, number of topics), and of each partition (its number, an error
#: code, a time, and the offset).
_HEAD, _PARTITION = 8, 22

log = logging.getLogger(__name__)


class AppendWatch:
    """Asks a broker where its partitions end, and calls who listens to a topic of which a partition has grown.

    One small question for all consumers of a process costs far less than their fetches do. It is asked from a thread
    of its own, which begins with the first listener: a process has several event loops, and none lives longer.
    """

    def __init__(self, address: str) -> None:
        host, port = address.rsplit(":", 1)
        self._address = host, int(port)
        self._listeners: list[tuple[WeakMethod[Callable[[], None]], str | None]] = []
        self._first: set[str] = set()
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def listen(self, appended: Callable[[], None], topic: str | None = None, first: Collection[str] = ()) -> None:
        """Call the method `appended`, from any thread, when `topic` has grown, or any topic; forget it with its object.

        What is appended to the topics of `first` is told within 100 ms, all else within 500 ms.
        """
        with self._lock:
            self._first.update(first)
            living = [one for one in self._listeners if one[0]() is not None]
            self._listeners = [*living, (WeakMethod(appended), topic)]
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="append-watch", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Ask no more; return when the thread has ended."""
        self._stopped.set()
        if self._thread:
            self._thread.join()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                with socket.create_connection(self._address, timeout=_TIMEOUT) as connection:
                    self._watch(connection)
            except (OSError, EOFError, ValueError, struct.error) as error:
                log.debug("asking for appended records again after: %r", error)
                self._stopped.wait(_AGAIN)

    def _watch(self, connection: socket.socket) -> None:
        topics: dict[str, list[int]] = {}
        ends: dict[str, bytes] = {}
        learned = looked = -_TOPICS
        while not self._stopped.wait(_FIRST):
            now = time.monotonic()
            if now - learned >= _TOPICS:
                topics, learned = _topics(connection), now
            if now - looked >= _ALL:
                asked, looked = topics, now
            else:
                asked = {name: topics[name] for name in self._first if name in topics}
            if asked:
                found = dict(_ends(_ask(connection, _end_question(asked))))
                self._tell({name for name, end in found.items() if ends.get(name) != end})
                ends |= found

    def _tell(self, grown: set[str]) -> None:
        if grown:
            for appended, topic in tuple(self._listeners):
                if (topic is None or topic in grown) and (call := appended()):
                    call()


def _topics(connection: socket.socket) -> dict[str, list[int]]:
    """Return the numbers of the partitions of each topic."""
    request = MetadataRequest_v1(None)
    found = request.RESPONSE_TYPE.decode(_ask(connection, request)[4:])
    return {name: [partition[1] for partition in partitions] for _, name, _, partitions in found.topics}


def _end_question(topics: dict[str, list[int]]) -> Any:
    latest = OffsetResetStrategy.LATEST
    return OffsetRequest_v1(-1, [(name, [(number, latest) for number in numbers]) for name, numbers in topics.items()])


def _ends(answer: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield each topic of an answer with the bytes about its partitions, which say the same while nothing is appended.

    Decoding them would take ten times as long, ten times a second.
    """
    at = _HEAD
    while at < len(answer):
        (length,) = struct.unpack_from(">h", answer, at)
        name, at = answer[at + 2 : at + 2 + length].decode(), at + 2 + length
        (count,) = struct.unpack_from(">i", answer, at)
        at += 4
        yield name, answer[at : at + count * _PARTITION]
        at += count * _PARTITION


def _ask(connection: socket.socket, request: Any) -> bytes:
    """Return the answer to a request, with the correlation id before it."""
    body = request.build_request_header(correlation_id=0, client_id="append-watch").encode() + request.encode()
    connection.sendall(struct.pack(">i", len(body)) + body)
    (length,) = struct.unpack(">i", _read(connection, 4))
    return _read(connection, length)


def _read(connection: socket.socket, length: int) -> bytes:
    found = bytearray()
    while len(found) < length:
        if not (piece := connection.recv(length - len(found))):
            raise EOFError
        found += piece
    return bytes(found)
