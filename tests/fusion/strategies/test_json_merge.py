from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from app.fusion.base import Candidate, Fused, Panel
from app.fusion.strategies.json_merge import JsonMerge, JsonMergeOptions
from tests.fusion.panels import panel

SCHEMA: dict[str, Any] = {
    "type": "object",
    "oneOf": [{"required": ["iban"], "maxProperties": 1}, {"required": ["card"], "maxProperties": 1}],
}


def merge(given: Panel, **options: Any) -> Fused:
    return JsonMerge(JsonMergeOptions(**options)).fuse(given)


def test_answers_are_merged_and_each_field_s_agreement_is_told() -> None:
    fused = merge(panel('{"name": "Ada", "n": 1}', '{"name": "Eve", "n": 2}', '{"name": "Ada", "n": 2}'))
    assert fused.data == {"name": "Ada", "n": 2}
    assert json.loads(fused.text) == fused.data
    assert fused.branch == "c"
    assert fused.agreement == pytest.approx(2 / 3)
    assert fused.reason == "merged 3 answers; agreement by field: n 0.67, name 0.67"
    assert fused.groups == (("a",), ("b",), ("c",))


def test_what_nobody_said_has_no_branch() -> None:
    fused = merge(panel('{"a": ["é"]}', '{"a": ["z"]}'))
    assert (fused.text, fused.branch) == ('{"a": ["é", "z"]}', "")


def test_data_comes_before_text() -> None:
    assert merge(Panel([Candidate("a", "see below", data={"a": 1})])).data == {"a": 1}


def test_what_is_not_json_is_left_out_and_named() -> None:
    fused = merge(panel("sorry", 'It is {"a": 1}.', "sorry"))
    assert (fused.data, fused.groups) == ({"a": 1}, (("b",), ("a", "c")))
    assert fused.reason.endswith("; 2 that are not JSON were left out")


def test_without_any_json_answers_are_counted() -> None:
    fused = merge(panel("Lyon", "Paris", "paris"))
    assert (fused.text, fused.data) == ("Paris", None)
    assert fused.reason.startswith("no answer is JSON")


def test_what_does_not_fit_the_schema_is_not_given() -> None:
    texts = ['{"iban": "x"}', '{"card": "y"}', '{"card": "y"}', '{"iban": "z"}']
    fused = merge(replace(panel(*texts), schema=SCHEMA))
    assert (fused.text, fused.data, fused.branch) == (texts[1], {"card": "y"}, "b")
    assert fused.reason.startswith("the merged answer is not valid against the schema")
    assert merge(panel(*texts)).data == {"iban": "x", "card": "y"}


def test_options_reach_the_merge() -> None:
    texts = ('{"n": 1, "l": ["A"]}', '{"n": 2, "l": ["a"]}', '{"n": 9, "l": ["a"]}')
    assert merge(panel(*texts), numbers="median").data == {"n": 2, "l": ["A"]}
    assert merge(panel(*texts), lists="vote", exact=True).data == {"n": 1, "l": ["a"]}


def test_a_reason_has_an_end() -> None:
    fused = merge(panel(json.dumps({f"field{number:03}": number for number in range(500)})))
    assert len(fused.reason) < 700
    assert fused.reason.endswith("and 480 more")


def test_all_answers_are_awaited() -> None:
    strategy = JsonMerge(JsonMergeOptions())
    assert not strategy.decided([Candidate("a", "{}")], 1)
    assert strategy.decided([Candidate("a", "{}")], 0)
