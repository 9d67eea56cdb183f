"""What every store keeps, whoever made it."""

from __future__ import annotations

import pytest

from app.retrieval.conformance.store import LocalStoreChecks, RemoteStoreChecks, probe_store, promises
from app.retrieval.registry import STORES
from tests.contracts.stores import makers


def test_every_store_of_ours_is_here(request: pytest.FixtureRequest) -> None:
    assert makers(request).keys() == STORES.keys()


@pytest.mark.parametrize("name", STORES)
async def test_it_keeps_every_promise(name: str, request: pytest.FixtureRequest) -> None:
    checks = {check.name: check async for check in probe_store(makers(request)[name]())}
    assert [check for check in checks.values() if check.status != "pass"] == []
    assert list(checks) == promises(LocalStoreChecks if name == "memory" else RemoteStoreChecks)
