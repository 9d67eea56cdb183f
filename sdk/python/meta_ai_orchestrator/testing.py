"""For the tests of extensions: checks of what each port promises, and deterministic fakes of components.

```python
def test_it_keeps_what_every_store_promises() -> None:
    assert failures(probe_store(MyStore)) == []
```

It needs the server's part: pip install "meta-ai-orchestrator[server]".
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from meta_ai_orchestrator._path import server_part

with server_part():
    from app.caching.conformance import probe_cache
    from app.caching.memory import MemoryCache
    from app.conformance import Check
    from app.connectors.conformance import probe_connector
    from app.fusion.conformance import probe_strategy
    from app.models.conformance.probe import probe as probe_model
    from app.models.scripted.adapter import Scripted as ScriptedModel
    from app.models.scripted.adapter import ScriptedOptions
    from app.retrieval.conformance.embedder import probe_embedder
    from app.retrieval.conformance.store import probe_store
    from app.retrieval.embedding.hashing import HashingEmbedder
    from app.retrieval.memory import MemoryStore
    from app.routing.conformance import probe_policy
    from app.sources.conformance import probe_source

__all__ = [
    "Check",
    "HashingEmbedder",
    "MemoryCache",
    "MemoryStore",
    "ScriptedModel",
    "ScriptedOptions",
    "failures",
    "probe_cache",
    "probe_connector",
    "probe_embedder",
    "probe_model",
    "probe_policy",
    "probe_source",
    "probe_store",
    "probe_strategy",
]


def failures(checks: AsyncIterator[Check]) -> list[Check]:
    """Run the checks, which a `probe_` function returns, in an event loop of their own; return those that failed."""

    async def collect() -> list[Check]:
        return [check async for check in checks if check.status == "fail"]

    return asyncio.run(collect())
