"""`files`: files that were uploaded, and those that batches have made."""

from __future__ import annotations

from pydantic import AwareDatetime, Field

from topics.base import Event, Topic


class StoredFile(Event):
    """A file of so many `bytes`: its pieces are in the partition of its id on `file-pieces`, at these `offsets`."""

    id: str
    filename: str = ""
    purpose: str = ""
    bytes: int = Field(default=0, ge=0)
    offsets: tuple[int, ...] = ()
    tenant: str = ""
    created_at: AwareDatetime
    deleted: bool = False


FILES = Topic(
    name="files",
    event=StoredFile,
    type="meta_ai.file",
    key="file id",
    summary="Files that were uploaded, made or deleted; what is in them is on file-pieces.",
)
