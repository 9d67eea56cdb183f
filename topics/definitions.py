"""`definitions`: the workflows that are deployed, in all their versions."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, Field, JsonValue

from topics.base import Event, Topic


class DefinitionEvent(Event):
    """One version of a workflow (`kind` is `version`, with its `spec`), or which version new runs take (`active`).

    Versions are never changed and never removed, since runs under way finish on theirs. `digest` is that of
    the spec; `actor` is who deployed it.
    """

    kind: Literal["version", "active"]
    workflow: str
    version: int = Field(ge=1)
    spec: dict[str, JsonValue] | None = None
    digest: str = ""
    actor: str = ""
    at: AwareDatetime

    @property
    def key(self) -> str:
        """The key of its message; all events of a workflow lie in the partition of the workflow's id."""
        return self.workflow if self.kind == "active" else f"{self.workflow}/{self.version}"


DEFINITIONS = Topic(
    name="definitions",
    event=DefinitionEvent,
    type="meta_ai.definition",
    key="workflow/version, or workflow for the active one; all of a workflow are in the partition of its id",
    summary="Deployed workflows, taken up by every worker without a restart.",
    compacted=True,
    bounded=False,
)
