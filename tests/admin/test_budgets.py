from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from app.admin.budgets import BudgetRow, Budgets
from app.cli.main import build
from app.settings import Settings
from app.workflows.budgets.state import BudgetState, QueuedReservation, Reservation
from app.workflows.records import records
from app.workflows.run import Done
from topics.budgets import Terms

NOW = 1_768_464_000.0
TERMS = Terms(limit=2.0, period=3600.0, reserve=0.1, when_exceeded="queue")
SETTINGS = Settings.model_validate(
    {
        "budgets": [
            {"name": "all", "limit": 9.0, "period": "1d"},
            {"name": "each", "tenant": "*", "limit": 2.0, "period": "1h"},
        ]
    }
)


def _records(*states: tuple[str, Any]) -> list[Any]:
    return [
        SimpleNamespace(key=key.encode(), value=value)
        for name, state in states
        for key, value in records(name, state, None)
    ]


def rows(found: list[Any], settings: Settings, now: float) -> list[BudgetRow]:
    budgets = Budgets(settings)
    for record in found:
        budgets.add(record)
    return budgets.rows(now)


def test_that_budgets_of_the_settings_are_there_before_anybody_has_used_them() -> None:
    (row,) = rows([], SETTINGS, NOW)
    assert (row.budget, row.limit, row.spent, row.runs, row.when_exceeded) == ("all", 9.0, 0.0, 0, "refuse")
    assert row.renews_at.isoformat() == "2026-01-16T00:00:00+00:00"


def test_that_an_account_says_what_is_spent_and_reserved_and_who_waits() -> None:
    account = replace(
        BudgetState("each:acme", TERMS).at(NOW),
        spent=1.5,
        reserved={"a": Reservation("w", 0.4, NOW + 60), "b": Reservation("w", 0.0, NOW + 60, degraded=True)},
        queue=(QueuedReservation((0, 0), "c", "c/budget:each:acme", "w", NOW + 60),),
    )
    used = _records(("budget\t/each:acme", account), ("t", Done("d", NOW)))
    _, row = rows(used, SETTINGS, NOW)
    assert (row.budget, row.limit, row.spent, row.reserved) == ("each:acme", 2.0, 1.5, 0.4)
    assert (row.runs, row.queue, row.when_exceeded) == (2, 1, "queue")
    assert row.renews_at.isoformat() == "2026-01-15T09:00:00+00:00"
    _, later = rows(used, SETTINGS, NOW + 3600)
    assert (later.spent, later.reserved, later.queue) == (0.0, 0.0, 0)


def test_that_the_last_state_counts_and_a_removed_one_is_gone() -> None:
    account = BudgetState("all", TERMS).at(NOW)
    first, last = replace(account, spent=0.5), replace(account, spent=0.75)
    (row,) = rows(_records(("budget\t/all", first), ("budget\t/all", last)), SETTINGS, NOW)
    assert row.spent == 0.75
    gone = [*_records(("budget\t/all", last)), SimpleNamespace(key=b"budget\t/all", value=None)]
    assert rows(gone, Settings(), NOW) == []


def test_that_a_name_that_nobody_knows_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.cli.spend.budgets.with_orchestrator", lambda *_: rows([], SETTINGS, NOW))
    found = CliRunner().invoke(build(), ["budgets", "nix", "-b", "127.0.0.1:1"])
    assert (found.exit_code, found.stdout) == (1, "")
    assert found.stderr.startswith("meta-ai: unknown or unused budget nix")
