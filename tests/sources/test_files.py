from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from app.errors import SourceError, SourceUnavailable
from app.settings import SourceSettings
from app.sources.base import Item
from app.sources.files import FilesSource


def source(folder: Path, **options: object) -> FilesSource:
    return FilesSource.from_settings("kb", SourceSettings(kind="files", url=str(folder), options=dict(options)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "kb"
    (root / "plans" / "old").mkdir(parents=True)
    for name in ("b.md", "plans/a.txt", "plans/old/c.rst", "picture.png", ".hidden.md", "plans/notes.log"):
        (root / name).write_text(f"# {name}", encoding="utf-8")
    (tmp_path / "secret.md").write_text("secret", encoding="utf-8")
    return root


async def ids(found: FilesSource, position: str | None = None) -> list[str]:
    return [item.id async for item in found.items(position)]


async def test_that_documents_are_found_in_folders_and_read_on_after_a_position(folder: Path) -> None:
    assert await ids(source(folder)) == ["b.md", "plans/a.txt", "plans/old/c.rst"]
    assert await ids(source(folder), "b.md") == ["plans/a.txt", "plans/old/c.rst"]
    content = await source(folder).read(Item("plans/a.txt"))
    assert (content.data, content.content_type) == (b"# plans/a.txt", "text/plain")


async def test_that_patterns_choose_files(folder: Path) -> None:
    assert await ids(source(folder, include=["**/*.log", "*.md"])) == ["b.md", "plans/notes.log"]
    assert await ids(source(folder, exclude=["plans/old/*"])) == ["b.md", "plans/a.txt"]


async def test_that_a_version_changes_with_the_file(folder: Path) -> None:
    before = {item.id: item.version async for item in source(folder).items(None)}
    (folder / "b.md").write_text("# longer than before", encoding="utf-8")
    after = {item.id: item.version async for item in source(folder).items(None)}
    assert {name for name in before if before[name] != after[name]} == {"b.md"}


async def test_that_links_lead_nowhere(folder: Path) -> None:
    (folder / "link.md").symlink_to(folder.parent / "secret.md")
    (folder / "up").symlink_to(folder.parent)
    assert await ids(source(folder)) == ["b.md", "plans/a.txt", "plans/old/c.rst"]
    for name in ("link.md", "up/secret.md", "../secret.md", "plans/../../secret.md", str(folder.parent / "secret.md")):
        with pytest.raises(SourceError):
            await source(folder).read(Item(name))


async def test_that_a_folder_that_becomes_a_link_after_it_was_listed_leads_nowhere(folder: Path) -> None:
    found = [item async for item in source(folder).items(None)]
    (folder / "plans").rename(folder / "moved")
    (folder.parent / "elsewhere").mkdir()
    (folder.parent / "elsewhere" / "a.txt").write_text("secret", encoding="utf-8")
    (folder / "plans").symlink_to(folder.parent / "elsewhere")
    with pytest.raises(SourceError, match=r"plans/a\.txt"):
        await source(folder).read(found[1])


async def test_that_what_is_no_file_or_too_large_is_refused(folder: Path) -> None:
    os.mkfifo(folder / "pipe.md")
    assert "pipe.md" not in await ids(source(folder))
    with pytest.raises(SourceError, match="not a regular file"):
        await source(folder).read(Item("pipe.md"))
    with pytest.raises(SourceError, match=r"larger than 3 bytes: raise options\.max_bytes"):
        await source(folder, max_bytes=3).read(Item("b.md"))


async def test_that_an_absent_folder_is_no_empty_one(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match="gone cannot be read"):
        await ids(source(tmp_path / "gone"))
    with pytest.raises(SourceUnavailable):
        _ = [one async for one in source(tmp_path / "gone").ids()]


async def test_that_a_change_is_told(folder: Path) -> None:
    changes = source(folder).changes()
    (folder / "before.md").write_text("x", encoding="utf-8")
    task = asyncio.ensure_future(anext(changes))
    while not task.done():
        (folder / "b.md").write_text(os.urandom(8).hex(), encoding="utf-8")
        await asyncio.sleep(0.05)
    await task
    await changes.aclose()  # type: ignore[attr-defined]  # a generator
