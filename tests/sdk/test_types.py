from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime
from typing import Any

import pytest

from meta_ai_orchestrator import InvalidResponseError
from meta_ai_orchestrator._client.actions import Response
from meta_ai_orchestrator.types import Citation, Result, ShownKey, TaskState, Usage
from tests.sdk.response_types import FILE, source

RESULT = {
    "task_id": "t1",
    "workflow": "support",
    "status": "succeeded",
    "answer": {"text": "Under My orders."},
    "citations": [{"number": 1, "document_id": "d", "source": "s", "lines": [1, 2]}],
    "accepted_at": "2026-01-01T00:00:00Z",
    "finished_at": "2026-01-01T00:00:02Z",
}


def test_that_the_types_are_those_of_the_gateway() -> None:
    assert FILE.read_text(encoding="utf-8") == source(), "python -m tests.sdk.response_types"


def test_that_fields_are_attributes_and_keys() -> None:
    result = Result(RESULT)
    assert result.answer == result["answer"] == {"text": "Under My orders."}
    assert isinstance(result.citations[0], Citation)
    assert result["citations"][0]["lines"] == [1, 2]
    assert result.finished_at == datetime(2026, 1, 1, 0, 0, 2, tzinfo=UTC)
    assert {**result}.keys() == set(result) == result.keys()
    assert len(result) == len(list(result))


def test_that_what_is_absent_has_its_default_of_its_own() -> None:
    one, other = Result(RESULT), Result(RESULT)
    assert (one.error, one.degraded, one.candidates) == (None, False, [])
    assert isinstance(one.usage, Usage)
    assert one.usage.cost == 0
    assert one.candidates is not other.candidates


def test_that_what_a_newer_gateway_adds_is_there_and_hides_nothing() -> None:
    result = Result({**RESULT, "mood": "good", "keys": 1, "to_dict": 2})
    assert result["mood"] == "good"
    assert "keys" not in result
    assert result.to_dict()["citations"][0]["number"] == 1


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"task_id": "t1"}, "the answer lacks workflow"),
        ({**RESULT, "citations": {}}, "Result.citations: must be a list"),
        ({**RESULT, "usage": []}, "Usage: the answer must be a JSON object"),
        ({**RESULT, "finished_at": 3}, "Result.finished_at: must be a time"),
    ],
)
def test_that_an_answer_of_another_form_is_an_error(fields: Any, message: str) -> None:
    with pytest.raises(InvalidResponseError, match=message):
        Result(fields)


def test_that_it_does_not_change_and_can_be_copied() -> None:
    result = Result(RESULT)
    with pytest.raises(AttributeError, match="Result does not change"):
        result.answer = "another"
    assert copy.deepcopy(result) == pickle.loads(pickle.dumps(result)) == result  # noqa: S301  # its own bytes


def test_that_the_raw_response_is_at_hand_but_no_field() -> None:
    response = Response(
        200, {"content-type": "application/json", "x-request-id": "r"}, b'{"id":"a","status":"b","result":"c"}'
    )
    state = TaskState.of(response)
    assert state.last_response is response
    assert state.last_response.request_id == "r"
    assert set(state) == {"id", "status", "result"}
    assert len(state) == 3
    assert "_response" not in state
    with pytest.raises(KeyError):
        state["_response"]


def test_that_a_new_key_is_not_printed_by_chance() -> None:
    fields = {
        "id": "k",
        "prefix": "p",
        "owner": "o",
        "roles": [],
        "spend_period": 1,
        "created_by": "x",
        "key": "secret-1",
    }
    shown = ShownKey({**fields, "created_at": "2026-01-01T00:00:00Z"})
    assert shown.key == "secret-1"
    assert "secret-1" not in f"{shown} {shown!r}"
