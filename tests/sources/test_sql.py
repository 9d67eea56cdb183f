from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.errors import ConfigurationError, SourceError, SourceUnavailable
from app.settings import SourceSettings
from app.sources.base import Item, Permissions
from app.sources.sql import SqlSource
from tests.sources.databases import Articles

#: psycopg does not close a cursor on the server that could not be declared.
pytestmark = pytest.mark.filterwarnings("ignore:.*ServerCursor:pytest.PytestUnraisableExceptionWarning")

QUERY = "SELECT * FROM articles"
TEMPLATE = "# {title}\n\n{body}"


def source(url: str, **options: Any) -> SqlSource:
    given = {"query": QUERY, "template": TEMPLATE, **options}
    return SqlSource.from_settings("kb", SourceSettings(kind="sql", url=url, options=given, allowed_roles="all"))


async def items(url: str, position: Any = None, **options: Any) -> list[Item]:
    opened = source(url, **options)
    try:
        return [item async for item in opened.items(position)]
    finally:
        await opened.close()


async def test_that_rows_are_items(articles: Articles) -> None:
    found = await items(articles.url, metadata=["changed", "id"], address="title")
    assert [(one.id, one.position, one.address) for one in found] == [
        ("1", 1, "One"),
        ("2", 2, "Two"),
        ("3", 3, "Three"),
    ]
    assert found[0].content
    assert (found[0].content.data, found[0].content.content_type) == (b"# One\n\nFirst.", "text/markdown")
    assert (found[0].metadata, found[0].permissions) == ({"changed": "2026-01-01", "id": 1}, None)
    assert [one.id for one in await items(articles.url, 1)] == ["2", "3"]


async def test_that_columns_say_who_may_find_a_row_and_nobody_may_where_they_are_empty(articles: Articles) -> None:
    found = await items(articles.url, roles="roles", tenant="owner")
    assert [one.permissions for one in found] == [
        Permissions(("hr", "law"), "acme"),
        Permissions((), "acme"),
        Permissions(),
    ]
    first, *_ = await items(articles.url, tenant="owner")
    assert first.permissions == Permissions(None, "acme")


async def test_that_a_cursor_goes_on_among_rows_of_one_value(articles: Articles) -> None:
    found = await items(articles.url, cursor="changed")
    assert [one.position for one in found] == [["2026-01-01", 1], ["2026-01-02", 2], ["2026-01-02", 3]]
    assert [one.id for one in await items(articles.url, found[1].position, cursor="changed")] == ["3"]
    articles.run("UPDATE articles SET changed = '2026-02-01', gone = 1 WHERE id = 1")
    (again,) = await items(articles.url, found[2].position, cursor="changed", deleted="gone")
    assert (again.id, again.deleted) == ("1", True)
    opened = source(articles.url, cursor="changed")
    assert opened.incremental
    ids = opened.ids()
    assert ids
    assert {one async for one in ids} == {"1", "2", "3"}
    await opened.close()
    assert source(articles.url, deletions=False).ids() is None


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1 id, 'x' title, 'y' body) q; DELETE FROM articles; SELECT * FROM (SELECT 1 id",
        "WITH gone AS (DELETE FROM articles RETURNING *) SELECT * FROM gone",
    ],
)
async def test_that_a_query_changes_nothing(articles: Articles, query: str) -> None:
    with pytest.raises(SourceError):
        await items(articles.url, query=query)
    assert articles.count() == 3


async def test_that_a_query_that_takes_too_long_is_ended(articles: Articles) -> None:
    endless = "WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n) SELECT max(id) AS id FROM n"
    settings = SourceSettings(kind="sql", url=articles.url, timeout=0.2, options={"query": endless, "template": "{id}"})
    opened = SqlSource.from_settings("kb", settings)
    with pytest.raises(SourceUnavailable):
        _ = [item async for item in opened.items(None)]
    await opened.close()


async def test_that_an_error_tells_what_is_wrong(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    with pytest.raises(SourceError, match="no such table: articles"):
        await items(url)
    with pytest.raises(ConfigurationError, match=r"sources\.kb\.options: .*titel"):
        await items(url, query="SELECT 1 id, 'x' title", template="{titel}")
    with pytest.raises(ConfigurationError, match=r"sources\.kb\.url: is not a URL"):
        source("nonsense")
    with pytest.raises(ConfigurationError, match=r"sources\.kb\.options\.curser"):
        source(url, curser="x")
