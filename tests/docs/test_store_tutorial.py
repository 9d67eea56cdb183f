"""The store of the tutorial keeps what every store promises."""

from __future__ import annotations

from typing import Any

from app.retrieval.conformance.store import RemoteStoreChecks, probe_store, promises
from tests.docs.pages import blocks

PAGE = "docs/tutorials/write-a-store.md"


async def test_that_the_store_of_the_tutorial_keeps_every_promise() -> None:
    shown = next(block for block in blocks("python", pages=(PAGE,)) if not block.mark)
    names: dict[str, Any] = {"__name__": "sqlite_store"}
    exec(compile(shown.text, PAGE, "exec"), names)  # noqa: S102  # our own page
    store = names["SqliteStore"]
    checks = [check async for check in probe_store(lambda embedder: store(":memory:", embedder))]
    assert [check for check in checks if check.status != "pass"] == []
    assert [check.name for check in checks] == promises(RemoteStoreChecks)
