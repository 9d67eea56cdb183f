from __future__ import annotations

from app.delivery.envelope import Outgoing, Received, headers
from tests.docs.pages import codes, table
from topics import ALL, TASKS
from topics.dead_letters import PREFIX
from topics.tasks import Task

PAGE = "docs/events.md"


def test_every_topic_is_described_with_its_key_and_what_is_kept() -> None:
    rows = table(PAGE, "topic", "key", "what it carries", "kept")
    assert [codes(row[0])[0] for row in rows] == [topic.name for topic in ALL]
    assert [row[3] == "the last of each key" for row in rows] == [topic.compacted for topic in ALL]


def test_every_header_is_described() -> None:
    task = Task(id="q-1", input={"question": "why?"})
    cause = Received(task, b"q-1", "q-1", "q-1", None, "tasks", 0, 0, 0.0)
    sent = headers(Outgoing(TASKS, "q-1", task, "q-1"), source="/meta-ai", cause=cause, traceparent="00-1-1-01")
    shown = {code for row in table(PAGE, "header", "what it says") for code in codes(row[0])}
    assert {name for name in shown if not name.startswith(PREFIX)} == {name for name, _ in sent}
