from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import pytest
from aiokafka.errors import MessageSizeTooLargeError

from app.delivery.envelope import Outgoing, Received
from app.delivery.request_handler import RequestHandler
from app.errors import ConfigurationError, RetrievalError
from app.settings import DeliverySettings
from tests.delivery.fakes import Harness, Message, Stream, settle, until
from topics import DEAD_LETTERS, RETRIEVAL_REQUESTS, RETRIEVAL_RESULTS
from topics.base import Failure
from topics.dead_letters import DeadLetter, original_headers
from topics.retrieval_requests import RetrievalRequest
from topics.retrieval_results import RetrievalResult

Request = Received[RetrievalRequest]


def _answer(received: Request, error: Failure | None = None) -> list[Outgoing]:
    asked = received.event
    result = RetrievalResult(id=asked.id, task_id=asked.task_id, step=asked.step, error=error)
    return [Outgoing(RETRIEVAL_RESULTS, asked.task_id, result, f"{asked.id}/result", received.partition)]


def _failed(received: Request, error: Exception) -> list[Outgoing]:
    return _answer(received, Failure(code=getattr(error, "code", "internal"), message="no"))


class Rig:
    """One request agent, whose handler counts its calls, waits where told to, and fails as often as told."""

    def __init__(self, harness: Harness) -> None:
        self.harness, self.stream = harness, Stream()
        self.calls: list[str] = []
        self.gates: dict[str, asyncio.Event] = {}
        self.errors: list[BaseException] = []
        self.busy = self.most = 0

    async def handle(self, received: Request) -> Sequence[Outgoing]:
        self.calls.append(received.event.id)
        self.busy += 1
        self.most = max(self.most, self.busy)
        try:
            if gate := self.gates.get(received.event.id):
                await gate.wait()
            if self.errors:
                raise self.errors.pop(0)
        finally:
            self.busy -= 1
        return _answer(received)

    def start(self, *, answers: bool = True, failed: Callable[..., Sequence[Outgoing]] = _failed) -> None:
        handle: Callable[[Request], Awaitable[Sequence[Outgoing]]] = self.handle
        request_handler = RequestHandler(
            self.harness.delivery,
            RETRIEVAL_REQUESTS,
            handle,
            agent="worker",
            identify=lambda received: f"{received.event.id}/result",
            answers=answers,
            failed=failed,
        )
        self.harness.start(request_handler.run(self.stream))

    def request(self, name: str, partition: int = 0) -> Message:
        event = RetrievalRequest(id=name, task_id="t", step="s", query="q")
        return self.harness.message(RETRIEVAL_REQUESTS, event, partition=partition)

    def deliver(self, *names: str) -> list[Message]:
        messages = [self.request(name) for name in names]
        self.harness.deliver(self.stream, *messages)
        return messages

    def answered(self) -> list[str]:
        records = self.harness.producer.on(RETRIEVAL_RESULTS)
        return [RetrievalResult.model_validate_json(record.value or b"").id for record in records]

    def committable(self) -> int | None:
        return self.harness.committable(RETRIEVAL_REQUESTS)


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    harness = Harness()
    harness.own(RETRIEVAL_REQUESTS.name, 0)
    rig = Rig(harness)
    yield rig
    await harness.stop()


async def test_that_a_request_is_answered_and_then_committed(rig: Rig) -> None:
    rig.start()
    rig.harness.producer.hold = lambda _record: True
    rig.deliver("a")
    await until(lambda: rig.harness.producer.sent)
    assert rig.committable() == 0  # sent is not acknowledged
    rig.harness.producer.let_go()
    await until(lambda: rig.committable() == 1)
    assert rig.answered() == ["a"]


async def test_that_the_commit_does_not_pass_the_slowest(rig: Rig) -> None:
    rig.gates["slow"] = asyncio.Event()
    rig.start()
    rig.deliver("slow", "b", "c")
    await until(lambda: rig.answered() == ["b", "c"])
    assert rig.committable() == 0
    rig.gates["slow"].set()
    await until(lambda: rig.committable() == 3)


async def test_that_what_was_answered_is_not_done_again(rig: Rig) -> None:
    rig.start()
    rig.deliver("a")
    await until(lambda: rig.committable() == 1)
    rig.deliver("a")
    await until(lambda: rig.committable() == 2)
    assert rig.calls == ["a"]
    assert rig.answered() == ["a"]
    assert rig.harness.metrics.outcomes == ["ok", "duplicate"]


async def test_that_an_answer_read_back_from_the_log_counts() -> None:
    harness = Harness(loaded=False)
    harness.own(RETRIEVAL_REQUESTS.name, 0)
    rig = Rig(harness)
    rig.start()
    rig.deliver("a", "b")
    await settle()
    assert rig.calls == []  # not before the log says what was answered
    partition_state = harness.assignment().partition_state
    partition_state.answered.add("a/result", 1_700_000_000.0)
    partition_state.finish_loading()
    await until(lambda: rig.committable() == 2)
    assert rig.calls == ["b"]
    await harness.stop()


async def test_that_a_twin_waits_and_is_then_a_duplicate(rig: Rig) -> None:
    rig.gates["a"] = asyncio.Event()
    rig.start()
    rig.deliver("a", "a", "a")
    await settle()
    assert rig.calls == ["a"]
    rig.gates["a"].set()
    await until(lambda: rig.committable() == 3)
    assert rig.calls == ["a"]
    assert rig.answered() == ["a"]


async def test_that_without_answers_the_same_identity_is_done_again_one_by_one_in_order(rig: Rig) -> None:
    rig.gates["a"] = asyncio.Event()
    rig.start(answers=False)
    rig.deliver("a", "b", "a")
    await until(lambda: rig.calls == ["a", "b"])  # another identity overtakes, the same one does not
    rig.gates["a"].set()
    await until(lambda: rig.committable() == 3)
    assert rig.calls == ["a", "b", "a"]
    assert [record.value for record in rig.harness.producer.on(RETRIEVAL_RESULTS)].count(b"") == 0


async def test_that_transient_errors_are_tried_again(rig: Rig) -> None:
    rig.errors = [RetrievalError("away"), RetrievalError("still away")]
    rig.start()
    rig.deliver("a")
    await until(lambda: rig.committable() == 1)
    assert (rig.calls, rig.harness.metrics.retries) == (["a"] * 3, 2)
    assert rig.harness.producer.on(DEAD_LETTERS) == []


@pytest.mark.parametrize(
    ("errors", "calls", "code", "sentence"),
    [
        ([RetrievalError("away")] * 3, 3, "retrieval", "away"),
        ([ConfigurationError("wrong")], 1, "configuration", "wrong"),
        ([RuntimeError("api_key=sesame")], 1, "internal", "RuntimeError in the agent"),
    ],
)
async def test_that_a_poisoned_request_is_buried_as_it_came_and_the_run_is_told(
    rig: Rig, errors: list[Exception], calls: int, code: str, sentence: str
) -> None:
    rig.errors = list(errors)
    rig.start()
    headers: list[tuple[str, bytes | None]] = [("ce_id", b"mine"), ("x", b"\xff\x00"), ("empty", None)]
    value = b'{"id": "a",  "task_id":"t","step":"s","query":"q","unknown":1}'
    message = Message(RETRIEVAL_REQUESTS.name, 0, 0, b"\x00key", value, headers)
    rig.harness.deliver(rig.stream, message)
    await until(lambda: rig.committable() == 1)
    assert len(rig.calls) == calls
    (letter,) = rig.harness.producer.on(DEAD_LETTERS)
    assert (letter.key, letter.value, letter.partition) == (b"\x00key", value, 0)
    assert original_headers(letter.headers) == headers
    said = DeadLetter.from_headers(letter.headers)
    assert (said.id, said.reason, said.error, said.agent) == ("retrieval-requests/0/0", code, sentence, "worker")
    (answer,) = rig.harness.producer.on(RETRIEVAL_RESULTS)
    assert ("ce_id", b"a/result") in answer.headers
    assert ("ce_causationid", b"mine") in answer.headers
    failure = RetrievalResult.model_validate_json(answer.value or b"").error
    assert failure
    assert failure.code == code
    assert "sesame" not in repr(rig.harness.producer.acknowledged)


@pytest.mark.parametrize("value", [None, b"", b"not json", b"\xff", b"[]", b"{}"])
async def test_that_what_does_not_parse_is_buried_without_a_call(rig: Rig, value: bytes | None) -> None:
    rig.start()
    rig.harness.deliver(rig.stream, Message(RETRIEVAL_REQUESTS.name, 0, 0, b"k", value))
    await until(lambda: rig.committable() == 1)
    (letter,) = rig.harness.producer.on(DEAD_LETTERS)
    assert (letter.key, letter.value, rig.calls) == (b"k", value, [])
    assert rig.harness.producer.on(RETRIEVAL_RESULTS) == []


async def test_that_a_message_of_nothing_at_all_can_be_buried(rig: Rig) -> None:
    rig.start()
    rig.harness.deliver(rig.stream, Message(RETRIEVAL_REQUESTS.name, 0, 0, None, None))
    await until(lambda: rig.committable() == 1)
    (letter,) = rig.harness.producer.on(DEAD_LETTERS)
    assert (letter.key, letter.value) == (b"", None)  # Kafka's clients refuse neither-nor


async def test_that_a_dead_letter_that_is_too_large_holds_up_nobody(rig: Rig) -> None:
    rig.harness.producer.refuse = lambda record: (
        MessageSizeTooLargeError() if record.topic == DEAD_LETTERS.name and len(record.value or b"") > 100 else None
    )
    rig.start()
    rig.harness.deliver(rig.stream, rig.harness.message(RETRIEVAL_REQUESTS, b"no JSON " * 50))
    rig.deliver("a")
    await until(lambda: rig.committable() == 2)
    (letter,) = rig.harness.producer.on(DEAD_LETTERS)
    assert DeadLetter.from_headers(letter.headers).cut_from == 400
    assert rig.answered() == ["a"]


async def test_that_an_answer_that_is_too_large_becomes_a_dead_letter(rig: Rig) -> None:
    failures = iter([MessageSizeTooLargeError()])
    rig.harness.producer.refuse = lambda record: (
        next(failures, None) if record.topic == RETRIEVAL_RESULTS.name else None
    )
    rig.start()
    rig.deliver("a")
    await until(lambda: rig.committable() == 1)
    assert DeadLetter.from_headers(rig.harness.producer.on(DEAD_LETTERS)[0].headers).reason == "too_large"
    assert rig.answered() == ["a"]  # the failure, which fits


async def test_that_an_assignment_that_ends_leaves_the_message_to_the_next_owner(rig: Rig) -> None:
    rig.gates["a"] = asyncio.Event()
    rig.start()
    rig.deliver("a")
    await until(lambda: rig.calls)
    assignment = rig.harness.assignment()
    rig.harness.own(RETRIEVAL_REQUESTS.name, 1)
    rig.gates["a"].set()
    await settle()
    assert (rig.answered(), rig.busy) == ([], 0)
    assert assignment.offset_trackers[RETRIEVAL_REQUESTS.name].committable == 0
    message = rig.request("b", partition=1)
    rig.harness.deliver(rig.stream, message)
    await until(lambda: rig.answered() == ["b"])  # and the loop goes on


async def test_that_an_answer_waits_for_a_rebalance_to_end(rig: Rig) -> None:
    rig.gates["a"] = asyncio.Event()
    rig.start()
    rig.deliver("a")
    await until(lambda: rig.calls)
    rig.harness.assignments.suspend()
    rig.gates["a"].set()
    await settle()
    assert rig.answered() == []
    rig.harness.own(RETRIEVAL_REQUESTS.name, 0)
    await until(lambda: rig.committable() == 1)
    assert rig.answered() == ["a"]


async def test_that_nothing_is_begun_amid_a_rebalance(rig: Rig) -> None:
    rig.start()
    rig.harness.assignments.suspend()
    rig.deliver("a")
    await settle()
    assert rig.calls == []
    rig.harness.own(RETRIEVAL_REQUESTS.name, 1)
    await settle()
    assert rig.calls == []


async def test_that_a_redelivery_after_a_rebalance_repeats_nothing_that_is_under_way(rig: Rig) -> None:
    rig.gates["a"] = asyncio.Event()
    rig.start()
    messages = rig.deliver("a", "b")
    await until(lambda: rig.answered() == ["b"])
    rig.harness.deliver(rig.stream, *messages)
    rig.gates["a"].set()
    await until(lambda: rig.committable() == 2)
    assert rig.calls == ["a", "b"]


async def test_that_a_message_of_a_partition_of_others_is_left(rig: Rig) -> None:
    rig.start()
    rig.harness.deliver(rig.stream, rig.request("a", partition=5))
    rig.deliver("b")
    await until(lambda: rig.answered() == ["b"])
    assert rig.calls == ["b"]


async def test_that_concurrency_is_bounded() -> None:
    harness = Harness(settings=DeliverySettings(max_in_flight=3))
    harness.own(RETRIEVAL_REQUESTS.name, 0)
    rig = Rig(harness)
    names = [f"n{number}" for number in range(10)]
    rig.gates = {name: asyncio.Event() for name in names}
    rig.start()
    rig.deliver(*names)
    await settle()
    assert rig.calls == names[:3]
    for gate in rig.gates.values():
        gate.set()
    await until(lambda: rig.committable() == 10)
    assert rig.most == 3
    assert harness.metrics.most_in_flight == 3
    await harness.stop()


async def test_that_draining_finishes_what_runs_and_takes_nothing_new(rig: Rig) -> None:
    rig.gates["a"] = asyncio.Event()
    rig.start()
    rig.deliver("a")
    await until(lambda: rig.calls)
    draining = asyncio.create_task(rig.harness.delivery.drain(5.0))
    await settle()
    rig.deliver("b")
    rig.gates["a"].set()
    await draining
    assert rig.calls == ["a"]
    assert rig.committable() == 1


def _sorted(slots: int, priorities: dict[str, int] | None = None) -> tuple[Harness, Rig]:
    """Return a request agent with so many slots, whose requests are in the lane that their id starts with."""
    harness = Harness(settings=DeliverySettings(max_in_flight=slots))
    harness.own(RETRIEVAL_REQUESTS.name, 0)
    rig = Rig(harness)
    request_handler = RequestHandler(
        harness.delivery,
        RETRIEVAL_REQUESTS,
        rig.handle,
        agent="worker",
        identify=lambda received: f"{received.event.id}/result",
        answers=True,
        failed=_failed,
        lane=lambda request: request.id.split("-")[0],
        priority=None if priorities is None else lambda request: priorities[request.id],
    )
    harness.start(request_handler.run(rig.stream))
    return harness, rig


async def test_that_one_slow_kind_does_not_starve_the_others_and_nothing_is_lost_or_committed_too_early() -> None:
    harness, rig = _sorted(9)
    slow = [f"slow-{number}" for number in range(15)]
    rig.gates = {name: asyncio.Event() for name in slow}
    rig.deliver(*slow, "quick-1", "quick-2")
    await until(lambda: rig.answered() == ["quick-1", "quick-2"])
    assert rig.committable() == 0
    assert rig.calls == [*slow[:8], "quick-1", "quick-2"]
    for gate in rig.gates.values():
        gate.set()
    await until(lambda: rig.committable() == 17)
    assert sorted(rig.answered()) == sorted([*slow, "quick-1", "quick-2"])
    assert rig.most <= 9
    await harness.stop()


async def test_that_of_what_waits_the_highest_priority_is_next() -> None:
    waiting = {"a-low": -5, "a-first": 0, "a-second": 0, "a-high": 5}
    running = [f"a-{number}" for number in range(4)]
    harness, rig = _sorted(4, {**waiting, **dict.fromkeys(running, 0)})
    rig.gates = {name: asyncio.Event() for name in running}
    rig.deliver(*running, *waiting)
    await until(lambda: rig.calls == running)
    rig.gates["a-0"].set()
    await until(lambda: len(rig.answered()) == 5)
    assert rig.answered() == ["a-0", "a-high", "a-first", "a-second", "a-low"]
    await harness.stop()


async def test_that_what_cannot_keep_up_is_left_on_the_topic() -> None:
    harness, rig = _sorted(4)
    slow = [f"slow-{number}" for number in range(1000)]
    rig.gates = {name: asyncio.Event() for name in slow}
    rig.deliver(*slow)
    await settle()
    taken = harness.assignment().offset_trackers[RETRIEVAL_REQUESTS.name].open
    assert taken == 9  # four places, of which one is kept free, as many that wait in memory, and the last that was read
    assert rig.committable() == 0
    for gate in rig.gates.values():
        gate.set()
    await until(lambda: rig.committable() == 1000)
    assert rig.answered() == slow
    await harness.stop()


async def test_that_what_waits_is_left_to_the_next_owner() -> None:
    harness, rig = _sorted(2)
    rig.gates = {"slow-0": asyncio.Event(), "slow-1": asyncio.Event()}
    rig.deliver("slow-0", "slow-1", "slow-2", "slow-3")
    await until(lambda: rig.calls)
    harness.own(RETRIEVAL_REQUESTS.name, 1)
    await settle()
    harness.deliver(rig.stream, rig.request("slow-9", partition=1))
    await until(lambda: rig.answered() == ["slow-9"])
    assert set(rig.calls) <= {"slow-0", "slow-1", "slow-9"}
    await harness.stop()


async def test_that_draining_does_not_begin_what_waits() -> None:
    harness, rig = _sorted(1)
    rig.gates = {"slow-0": asyncio.Event()}
    rig.deliver("slow-0", "slow-1")
    await until(lambda: rig.calls)
    draining = asyncio.create_task(harness.delivery.drain(5.0))
    await settle()
    rig.gates["slow-0"].set()
    await draining
    await settle()
    assert (rig.calls, rig.committable()) == (["slow-0"], 1)
    await harness.stop()


async def test_that_what_does_not_parse_is_buried_though_it_has_no_kind() -> None:
    harness, rig = _sorted(2)
    harness.deliver(rig.stream, Message(RETRIEVAL_REQUESTS.name, 0, 0, b"k", b"not json"))
    await until(lambda: rig.committable() == 1)
    assert len(harness.producer.on(DEAD_LETTERS)) == 1
    await harness.stop()


@pytest.mark.parametrize("error", [asyncio.CancelledError(), SystemExit(1)])
async def test_that_what_ends_a_task_though_nobody_asked_for_it_is_a_failure_like_any_other(
    rig: Rig, error: BaseException
) -> None:
    rig.errors = [error]
    rig.start()
    rig.deliver("a", "b")
    await until(lambda: rig.committable() == 2)
    (letter,) = rig.harness.producer.on(DEAD_LETTERS)
    assert DeadLetter.from_headers(letter.headers).error == "Interrupted in the agent"
    assert sorted(rig.answered()) == ["a", "b"]  # of which one is the failure


def _startled(received: Request, error: Exception) -> list[Outgoing]:
    raise KeyError(received.id, error)


async def test_that_a_fault_in_telling_of_a_failure_leaves_the_dead_letter(rig: Rig) -> None:
    rig.errors = [RuntimeError("a defect")]
    rig.start(failed=_startled)
    rig.deliver("a")
    await until(lambda: rig.committable() == 1)
    assert len(rig.harness.producer.on(DEAD_LETTERS)) == 1


@pytest.mark.parametrize("error", [RuntimeError("a defect"), asyncio.CancelledError()])
async def test_that_a_fault_in_burying_is_logged_and_tried_again_without_a_second_call(
    rig: Rig, error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    faults, dead_letter = [error, error], rig.harness.delivery.dead_letter

    async def buried(*given: object, **named: object) -> None:
        if faults:
            raise faults.pop()
        await dead_letter(*given, **named)  # type: ignore[arg-type]  # as they came

    rig.harness.delivery.dead_letter = buried  # type: ignore[method-assign]  # the fault is planted
    rig.errors = [RuntimeError("a defect")]
    rig.start()
    rig.deliver("a")
    await until(lambda: rig.committable() == 1)
    assert (rig.calls, len(rig.harness.producer.on(DEAD_LETTERS))) == (["a"], 1)
    assert sum("worker holds up retrieval-requests/0/0" in line for line in caplog.messages) == 2


async def test_that_a_failure_of_which_nobody_can_be_told_holds_up_nobody(rig: Rig) -> None:
    rig.harness.producer.refuse = lambda record: (
        MessageSizeTooLargeError() if record.topic == RETRIEVAL_RESULTS.name else None
    )
    rig.start()
    rig.deliver("a")
    await until(lambda: rig.committable() == 1)
    assert len(rig.harness.producer.on(DEAD_LETTERS)) == 1


async def test_that_a_partition_that_is_read_back_takes_no_places_of_those_that_stayed() -> None:
    harness = Harness(settings=DeliverySettings(max_in_flight=2))
    harness.own(RETRIEVAL_REQUESTS.name, 0)
    harness.loaded = False
    harness.own(RETRIEVAL_REQUESTS.name, 0, 1)
    rig = Rig(harness)
    rig.start()
    harness.deliver(rig.stream, *(rig.request(f"new-{n}", partition=1) for n in range(5)))
    rig.deliver("a", "b", "c")
    await until(lambda: rig.committable() == 3)
    assert rig.calls == ["a", "b", "c"]
    harness.assignment(1).partition_state.finish_loading()
    await until(lambda: harness.committable(RETRIEVAL_REQUESTS, 1) == 5)
    assert rig.calls[3:] == [f"new-{n}" for n in range(5)]
    assert rig.most <= 2
    await harness.stop()


async def test_that_draining_does_not_wait_for_a_partition_that_is_read_back() -> None:
    harness = Harness(loaded=False)
    harness.own(RETRIEVAL_REQUESTS.name, 0)
    rig = Rig(harness)
    rig.start()
    rig.deliver("a")
    await settle()
    await asyncio.wait_for(harness.delivery.drain(60.0), 5)
    harness.assignment().partition_state.finish_loading()
    await settle()
    assert rig.calls == []
    await harness.stop()
