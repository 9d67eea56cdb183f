from __future__ import annotations

import json

import pytest

from app.delivery.envelope import Outgoing, Received, headers
from app.expressions.expression import Expression
from tests.docs.pages import Block, blocks, table
from topics import ALL, RESULTS
from topics.results import Result

PAGE = "docs/watching-topics.md"
TRACE = "00-89e152947cb1a3c1886f0c95b3b09a7a-16fe8a136ed776f2-01"


def filters() -> list[Block]:
    """Return the filters in CEL, which a UI evaluates on each record."""
    return [block for block in blocks("", pages=(PAGE,)) if block.mark == "filter"]


def record(task: str, status: str, *, degraded: bool, trace: str) -> dict[str, object]:
    """Return a result as kafka-ui gives a record to its filters."""
    at = "2026-11-24T08:18:22Z"
    result = Result.model_validate(
        {
            "task_id": task,
            "workflow": "ask",
            "status": status,
            "degraded": degraded,
            "accepted_at": at,
            "finished_at": at,
        }
    )
    cause = Received(result, task.encode(), "cause", task, None, "model-responses", 0, 0, 0.0)
    sent = headers(Outgoing(RESULTS, task, result, f"{task}/result"), source="/meta-ai", cause=cause, traceparent=trace)
    return {
        "keyAsText": task,
        "value": json.loads(result.to_json()),
        "headers": {name: value.decode() for name, value in sent},
    }


@pytest.mark.parametrize("block", filters(), ids=str)
def test_a_filter_finds_what_it_is_for_and_nothing_else(block: Block) -> None:
    wanted = record("q-1", "failed", degraded=True, trace=TRACE)
    other = record("q-10", "succeeded", degraded=False, trace=TRACE.replace("89e1", "0000"))
    bare = {**other, "headers": {}}
    found = [Expression(block.text.strip(), where="filter").evaluate({"record": one}) for one in (wanted, other, bare)]
    assert found == [True, False, False]


def test_there_are_filters_by_key_by_header_and_by_value() -> None:
    shown = " ".join(block.text for block in filters())
    assert all(part in shown for part in ("keyAsText", "ce_correlationid", "traceparent", "record.value"))


def test_topics_are_named_that_there_are() -> None:
    rows = table(PAGE, "topic", "what you see", "its `ce_id`, for the task `q-1`")
    assert {row[0].strip("`") for row in rows} <= {topic.name for topic in ALL}


def test_an_event_of_a_child_run_names_the_task_that_started_it() -> None:
    at = "2026-11-24T08:18:22Z"
    result = Result.model_validate(
        {"task_id": "q-1/c", "workflow": "w", "status": "failed", "accepted_at": at, "finished_at": at}
    )
    cause = Received(result, b"q-1", "q-1/result", "q-1", None, "results", 0, 0, 0.0)
    sent = headers(Outgoing(RESULTS, "q-1/c", result, "q-1/c/result"), source="/m", cause=cause, traceparent=TRACE)
    assert dict(sent)["ce_correlationid"] == b"q-1"
