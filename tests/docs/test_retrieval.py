from __future__ import annotations

from app.models.embedding.hosts import EMBEDDING_HOSTS
from app.retrieval.registry import EMBEDDER_GROUP, EMBEDDERS, STORE_GROUP, STORES
from tests.docs.pages import first_codes, table, text

PAGE = "docs/retrieval.md"


def test_every_component_is_described() -> None:
    assert set(first_codes(PAGE, "embedder", "what it is")) == set(EMBEDDERS)
    assert set(first_codes(PAGE, "store", "what it is")) == set(STORES)


def test_every_service_that_embeds_is_described() -> None:
    rows = table("docs/embedding.md", "provider", "key", "dialect")
    assert {name.strip("` ") for row in rows for name in row[0].split(",")} == set(EMBEDDING_HOSTS)


def test_the_entry_points_are_named() -> None:
    assert all(f'"{group}"' in text(PAGE) for group in (EMBEDDER_GROUP, STORE_GROUP))
