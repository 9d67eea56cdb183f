from __future__ import annotations

from app.retrieval.registry import EMBEDDER_GROUP, EMBEDDERS, STORE_GROUP, STORES
from tests.docs.pages import first_codes, text

PAGE = "docs/retrieval.md"


def test_every_component_is_described() -> None:
    assert set(first_codes(PAGE, "embedder", "what it is")) == set(EMBEDDERS)
    assert set(first_codes(PAGE, "store", "what it is")) == set(STORES)


def test_the_entry_points_are_named() -> None:
    assert all(f'"{group}"' in text(PAGE) for group in (EMBEDDER_GROUP, STORE_GROUP))
