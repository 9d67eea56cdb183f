"""What every store keeps, whoever made it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.conformance import check_names
from app.retrieval.base import Embedder, Store
from app.retrieval.conformance.store import StoreChecks, probe_store
from app.retrieval.memory import MemoryStore
from app.retrieval.registry import STORES

MAKERS: dict[str, Callable[[Embedder], Store]] = {"memory": MemoryStore}


def test_every_store_of_ours_is_here() -> None:
    assert MAKERS.keys() == STORES.keys()


@pytest.mark.parametrize("name", MAKERS)
async def test_it_keeps_every_promise(name: str) -> None:
    checks = {check.name: check async for check in probe_store(MAKERS[name])}
    assert [check for check in checks.values() if check.status != "pass"] == []
    assert list(checks) == check_names(StoreChecks)
