from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.admin.spend_totals import GroupBy, SpendRow, SpendTotals
from topics.model_responses import Usage
from topics.spend import Spend

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def spend(name: str = "a", **fields: Any) -> Spend:
    usage = fields.pop("usage", Usage(input_tokens=10, output_tokens=5, cost=0.25))
    known = {"request_id": "r", "task_id": "t", "step": "s", "model": "m", "provider": "p", "at": NOON}
    return Spend.model_validate({**known, "id": name, "usage": usage, "priced": "2026-01-01", **fields})


def sums(*records: Spend, by: GroupBy = "model") -> SpendTotals:
    found = SpendTotals(by)
    for record in records:
        found.add(record)
    return found


COUNTS = st.integers(0, 10**6)
RECORDS = st.lists(
    st.builds(
        spend,
        st.text("abc", min_size=1, max_size=2),
        usage=st.builds(
            Usage,
            input_tokens=COUNTS,
            output_tokens=COUNTS,
            cost=st.integers(0, 10**15).map(lambda units: units / 10**12),
        ),
        tenant=st.sampled_from(["", "x", "y"]),
        model=st.sampled_from(["m", "n"]),
        outcome=st.sampled_from(["answered", "cut", "lost"]),
        priced=st.sampled_from(["", "2026-01-01"]),
        at=st.datetimes(NOON.replace(tzinfo=None), datetime(2026, 4, 1)).map(lambda at: at.replace(tzinfo=UTC)),  # noqa: DTZ001  # hypothesis wants them so
    ),
    unique_by=lambda record: record.id,
)


@given(RECORDS, st.sampled_from(get_args(GroupBy)), st.randoms(use_true_random=False))
def test_the_sum_is_that_of_the_attempts_whatever_is_repeated_and_in_whatever_order(
    records: list[Spend], by: GroupBy, rng: random.Random
) -> None:
    repeated = [*records, *rng.choices(records, k=7)] if records else []
    rng.shuffle(repeated)
    once, again = sums(*records, by=by), sums(*repeated, by=by)
    assert once.total() == again.total()
    assert once.rows() == again.rows()
    assert once.total().cost == pytest.approx(sum(record.usage.cost for record in records))
    assert once.total().calls == len(records)


@given(RECORDS, st.sampled_from(get_args(GroupBy)))
def test_the_groups_make_up_the_whole(records: list[Spend], by: GroupBy) -> None:
    found = sums(*records, by=by)
    rows, total = found.rows(), found.total()
    for field in set(SpendRow.model_fields) - {"by", "name", "share"}:
        assert sum(getattr(row, field) for row in rows) == pytest.approx(getattr(total, field))
        assert all(getattr(row, field) >= 0 for row in rows)
    assert sum(row.share for row in rows) == pytest.approx(1.0 if total.cost else 0.0)
    assert total.given_up <= total.cost


def test_a_row_says_what_was_used_and_what_of_it_is_uncertain() -> None:
    used = Usage(input_tokens=10, cached_input_tokens=4, output_tokens=5, reasoning_tokens=2, cost=0.25)
    (row,) = sums(
        spend("a", usage=used),
        spend("b", usage=used, outcome="cut", estimated=True),
        spend("c", usage=used.model_copy(update={"cost": 0.0}), priced=""),
        spend("d", usage=Usage(), outcome="cached", saved=0.125, priced=""),
    ).rows()
    assert row == SpendRow(
        by="model",
        name="m",
        calls=3,
        input_tokens=30,
        cached_input_tokens=12,
        output_tokens=15,
        reasoning_tokens=6,
        cost=0.5,
        share=1.0,
        given_up=0.25,
        saved=0.125,
        unpriced_tokens=15,
        estimated_tokens=15,
    )


@pytest.mark.parametrize("by", ["model", "workflow", "tenant", "provider", "step"])
def test_the_dearest_group_is_first(by: GroupBy) -> None:
    records = [spend(str(n), **{by: name}) for n, name in enumerate(["x", "y", "y", "z", "z", "z"])]
    assert [(row.by, row.name, row.calls) for row in sums(*records, by=by).rows()] == [
        (by, "z", 3),
        (by, "y", 2),
        (by, "x", 1),
    ]


def test_days_are_those_of_utc_and_none_between_them_is_skipped() -> None:
    night = NOON.replace(hour=1).astimezone(timezone(timedelta(hours=-5)))  # the day before, there
    rows = sums(spend("b", at=NOON + timedelta(days=3)), spend("a", at=night), by="day").rows()
    assert [(row.name, row.calls) for row in rows] == [
        ("2026-03-01", 1),
        ("2026-03-02", 0),
        ("2026-03-03", 0),
        ("2026-03-04", 1),
    ]
    assert all(one.name < other.name for one, other in pairwise(rows))


def test_nothing_is_no_row() -> None:
    assert sums(by="day").rows() == []
    assert sums().total().cost == 0.0
