from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import pytest

from agents.index import AGENT, handle
from app.delivery.envelope import Received
from app.dependencies import Dependencies
from app.errors import RetrievalError
from app.partitioner import partition_of
from app.retrieval.several import Stores
from app.security.residency import Residency
from app.settings import Settings
from tests.agents.deps import Store, assemble, received
from topics.chunks import DocumentChunks

PART = DocumentChunks(document_id="a", version="1", tenant="acme")


class Remote(Store):
    remote: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__()
        self.applied: list[DocumentChunks] = []

    async def apply(self, part: DocumentChunks) -> None:
        if self.error:
            raise self.error
        self.applied.append(part)


def _deps(**stores: Any) -> Dependencies:
    return replace(assemble(), stores=Stores(stores, {}))


def _part(deps: Dependencies, *, away: int = 0) -> Received[DocumentChunks]:
    partitions = deps.settings.topics.partitions
    return replace(received(PART), partition=(partition_of(PART.document_key, partitions) + away) % partitions)


async def test_every_remote_store_is_written_to_and_no_local_one() -> None:
    deps = _deps(one=Remote(), two=Remote(), local=Store())
    deps = replace(deps, residency=_regions())
    assert await handle(_part(deps), deps) == ()
    assert [store.applied for store in deps.stores.remote.values()] == [[PART], [PART]]  # type: ignore[attr-defined]  # a Remote


async def test_the_failure_of_one_is_raised_when_the_others_are_written() -> None:
    bad, good = Remote(), Remote()
    bad.error = RetrievalError("away")
    deps = replace(_deps(one=bad, two=good), residency=_regions())
    with pytest.raises(RetrievalError, match="away"):
        await handle(_part(deps), deps)
    assert good.applied == [PART]


async def test_a_store_outside_of_the_tenants_regions_gets_nothing() -> None:
    deps = replace(_deps(one=Remote(), two=Remote()), residency=_regions(one="us", two="eu"))
    await handle(_part(deps), deps)
    one, two = deps.stores.remote.values()
    assert (one.applied, two.applied) == ([], [PART])  # type: ignore[attr-defined]  # a Remote


async def test_what_is_not_in_its_documents_partition_is_left_out() -> None:
    store = Remote()
    deps = replace(_deps(one=store), residency=_regions())
    await handle(_part(deps, away=1), deps)
    assert store.applied == []


def test_the_agent() -> None:
    assert (AGENT.name, AGENT.topic.name) == ("index", "chunks")


def _regions(**regions: str) -> Residency:
    stores = {name: {"kind": "qdrant", "region": regions.get(name)} for name in ("one", "two")}
    tenants = {"acme": ["eu"]} if regions else {}
    raw = {"retrieval": {"store": "one", "stores": stores}, "residency": {"tenants": tenants, "region": "eu"}}
    return Residency(Settings.model_validate(raw))
