"""What every store keeps, whoever made it."""

from __future__ import annotations

import pytest

from app.retrieval.conformance.store import LocalStoreChecks, RemoteStoreChecks, promises
from app.retrieval.registry import STORES
from tests.contracts.stores import RUNS


def test_every_store_of_ours_is_here() -> None:
    assert RUNS.keys() == STORES.keys()


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
async def test_it_keeps_every_promise(name: str, request: pytest.FixtureRequest) -> None:
    checks = await RUNS[name](request)
    assert [check for check in checks if check.status != "pass"] == []
    suite = LocalStoreChecks if name == "memory" else RemoteStoreChecks
    assert [check.name for check in checks] == promises(suite)
