"""What bodies of requests for an answer share."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator


class Part(BaseModel):
    """The base of what is in a body: a key that is not known is an error, null is as good as absent."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, given: object) -> object:
        return {name: one for name, one in given.items() if one is not None} if isinstance(given, dict) else given


class Extension(Part):
    """What the API of a provider has no field for."""

    input: dict[str, JsonValue] = Field(default_factory=dict)
    tenant: str = Field(default="", max_length=100, pattern=r"^[^\x00-\x1f]*$")
    priority: int | None = None


def plain(event: BaseModel) -> Any:
    """Return an event as JSON without its defaults."""
    return event.model_dump(mode="json", exclude_defaults=True)
