"""Merge structured answers field by field."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import ClassVar, Literal

from pydantic import BaseModel, Field

from app.fusion.base import Candidate, Fused, Panel, StrategyOptions, ranked
from app.fusion.counting import Count, count
from app.fusion.election import elected
from app.fusion.extraction import exactly, whole
from app.fusion.merging import Merged, Rules, merge
from app.json_text import parse
from app.schemas import Schema

_MOST = 20


class JsonMergeOptions(StrategyOptions):
    """How values are merged."""

    numbers: Literal["vote", "median"] = Field(default="vote", description="how numbers are merged")
    lists: Literal["union", "vote"] = Field(
        default="union", description="whether a list has what any list has, or is voted on as a whole"
    )
    exact: bool = Field(default=False, description="compare texts exactly; otherwise case and the like are ignored")


class JsonMerge:
    """JSON answers merged field by field: for extraction, where each model gets other fields right.

    Single values are voted on, numbers may give their median, lists are united or voted on, and objects are merged
    recursively. A field that most leave out is left out. Agreement is the mean over the fields; the reason has that
    of each field. If the merged answer is not of the step's schema, the most frequent answer is taken instead.
    """

    name: ClassVar[str] = "json-merge"
    Options: ClassVar[type[BaseModel]] = JsonMergeOptions
    needs_embeddings = False
    models: tuple[str, ...] = ()

    def __init__(self, options: JsonMergeOptions) -> None:
        self._rules = Rules(options.numbers, options.lists, options.exact)

    def fuse(self, panel: Panel) -> Fused:
        """Return the merged document, as compact JSON and as data; the branch is one that gave exactly that."""
        everyone = ranked(panel.candidates, panel.order)
        pool = [one for candidate in everyone if (one := _with_data(candidate)).data is not None]
        if not pool:
            return elected(count(everyone), "no answer is JSON, so whole answers were counted; ")
        merged = merge([candidate.data for candidate in pool], self._rules)
        counted = replace(
            count(pool, exactly if self._rules.exact else whole),
            abstained=tuple(one for one in everyone if _with_data(one).data is None),
        )
        schema = None if panel.schema is None else Schema(panel.schema, where="schema")
        if schema and (problem := schema.complaint(merged.value)):
            return elected(
                counted, f"the merged answer is not valid against the schema ({problem}), so answers were counted; "
            )
        return _fused(merged, counted)

    def decided(self, candidates: Sequence[Candidate], outstanding: int) -> bool:  # noqa: ARG002  # the port's
        """Return True when none is outstanding: every answer can add a field."""
        return outstanding == 0


def _with_data(candidate: Candidate) -> Candidate:
    if candidate.data is not None:
        return candidate
    try:
        return replace(candidate, data=parse(candidate.text))
    except ValueError:
        return candidate


def _fused(merged: Merged, counted: Count) -> Fused:
    givers = [giver for answer in counted.answers for giver in answer.givers]
    equal = next((giver for giver in givers if giver.data == merged.value), None)
    agreement = sum(merged.agreement.values(), Fraction(0)) / len(merged.agreement)
    reason = f"merged {len(givers)} answers; agreement by field: {_fields(merged.agreement)}"
    reason += f"; {len(counted.abstained)} that are not JSON were left out" if counted.abstained else ""
    text = equal.text if equal else json.dumps(merged.value, ensure_ascii=False)
    branch = equal.branch if equal else ""
    return Fused(text, branch, float(agreement), reason, groups=counted.groups, data=merged.value)


def _fields(agreement: Mapping[str, Fraction]) -> str:
    """Return the fields, those with the least agreement first."""
    least = sorted(agreement.items(), key=lambda item: (item[1], item[0]))
    shown = ", ".join(f"{path or 'the whole'} {float(agreed):.2f}" for path, agreed in least[:_MOST])
    return shown + (f", and {len(least) - _MOST} more" if len(least) > _MOST else "")
