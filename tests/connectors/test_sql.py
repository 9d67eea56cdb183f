from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.connectors.conformance import probe_connector
from app.connectors.sql import SqlConnector
from app.errors import ConfigurationError, ConnectorError, ConnectorTimeout
from app.settings import ConnectorSettings
from tests.sources.databases import Articles, postgres

#: psycopg does not close a cursor on the server that could not be declared.
pytestmark = pytest.mark.filterwarnings("ignore:.*ServerCursor:pytest.PytestUnraisableExceptionWarning")

QUERIES = {
    "by_id": "SELECT id, title FROM articles WHERE id = :id",
    "all": "SELECT id FROM articles ORDER BY id",
    "rename": "UPDATE articles SET title = :title WHERE id = :id",
    "endless": "WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n) SELECT max(id) AS id FROM n",
}


def connector(url: str, timeout: float = 30.0, **options: Any) -> SqlConnector:
    given = {"queries": QUERIES, **options}
    return SqlConnector.from_settings("db", ConnectorSettings(kind="sql", url=url, timeout=timeout, options=given))


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
async def articles(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Articles]:
    url = f"sqlite:///{tmp_path / 'a.db'}" if request.param == "sqlite" else request.getfixturevalue("server")
    found = Articles(url)
    yield found
    found.close()


async def ask(found: SqlConnector, query: str, **parameters: Any) -> Any:
    try:
        return await found.run({"query": query, "parameters": parameters}, timeout=10)
    finally:
        await found.close()


async def test_that_it_keeps_every_promise(articles: Articles) -> None:
    arguments: dict[str, Any] = {"query": "by_id", "parameters": {"id": 1}}
    checks = [check async for check in probe_connector(connector(articles.url), arguments)]
    assert [(check.name, check.detail) for check in checks if check.status == "fail"] == []


async def test_that_parameters_are_bound(articles: Articles) -> None:
    assert await ask(connector(articles.url), "by_id", id=2) == [{"id": 2, "title": "Two"}]
    evil = "x'; DROP TABLE articles; --"
    found = connector(articles.url, queries={"by_title": "SELECT id FROM articles WHERE title = :title"})
    assert await ask(found, "by_title", title=evil) == []
    assert articles.count() == 3
    with pytest.raises(ConnectorError, match=r"arguments\.parameters: id is missing"):
        await ask(connector(articles.url), "by_id")
    with pytest.raises(ConnectorError, match="has no parameter hunter"):
        await ask(connector(articles.url), "by_id", id=1, hunter=2)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM articles",
        "DROP TABLE articles",
        "SELECT 1; DELETE FROM articles",
        "COMMIT",
        "SET TRANSACTION READ WRITE",
        "PRAGMA query_only = 0",
        "ATTACH DATABASE '/tmp/other.db' AS other",
    ],
)
async def test_that_nothing_is_changed_unless_that_is_allowed(articles: Articles, statement: str) -> None:
    found = connector(articles.url, free=True)
    with pytest.raises(ConnectorError):
        await found.run({"query": statement, "parameters": {}}, timeout=10)
    assert len(await ask(found, "all")) == 3
    assert articles.count() == 3


async def test_that_a_change_is_made_where_that_is_allowed(articles: Articles) -> None:
    assert await ask(connector(articles.url, write=True), "rename", title="Uno", id=1) == {"changed": 1}
    assert await ask(connector(articles.url), "by_id", id=1) == [{"id": 1, "title": "Uno"}]


async def test_that_only_configured_queries_can_be_asked(articles: Articles) -> None:
    with pytest.raises(ConnectorError, match=r"arguments\.query: no query is called so; there are all, by_id"):
        await ask(connector(articles.url), "SELECT 1")


async def test_that_rows_bytes_and_time_are_limited(articles: Articles) -> None:
    with pytest.raises(ConnectorError, match="more than 2 rows"):
        await ask(connector(articles.url, max_rows=2), "all")
    with pytest.raises(ConnectorError, match="raise max_bytes"):
        await ask(connector(articles.url, max_bytes=10), "all")
    with pytest.raises(ConnectorTimeout, match=r"longer than 0\.2 s"):
        await ask(connector(articles.url, timeout=0.2), "endless")


def test_that_settings_are_checked() -> None:
    with pytest.raises(ConfigurationError, match=r"connectors\.db\.url: is missing"):
        SqlConnector.from_settings("db", ConnectorSettings(kind="sql"))
    with pytest.raises(ConfigurationError, match="there is nothing to ask"):
        connector("sqlite://", queries={})
