"""The places that documents are synced from."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, StringConstraints

from app.settings.residency import Region
from app.settings.values import OneLine, Seconds, Section
from topics.documents import RoleNames, Tenant
from topics.metadata_filters import MetadataValue

_NAME = StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]*$")


class SourceSettings(Section):
    """One source of documents; its name begins their ids."""

    kind: str = Field(description="files, fsspec, http, kafka, sql, or one from an entry point", examples=["files"])
    url: OneLine | None = Field(
        default=None, description="where it is; for `files`, a folder", examples=["/srv/handbook"], repr=False
    )
    schedule: Seconds | None = Field(
        default=None, description="how often it is synced; without it, by command, or when it changes", examples=["15m"]
    )
    watch: bool = Field(default=False, description="sync it when it changes, if the kind can tell")
    collection: Annotated[str, _NAME] = Field(default="default", description="what its documents belong to")
    tenant: Tenant = Field(default="", description="whose documents they are; without it, all tenants share them")
    allowed_roles: RoleNames | Literal["all"] | None = Field(
        default=None,
        description="who may find documents of which the source does not say it: roles, or `all`; without it, nobody",
        examples=[["staff"]],
    )
    metadata: dict[str, MetadataValue] = Field(
        default_factory=dict,
        description="what searches can filter by, beside what the source itself says",
        examples=[{"kind": "policy"}],
    )
    region: Region | None = Field(default=None, description="where it is, for data residency", examples=["eu"])
    timeout: Seconds = Field(default=30.0, description="for one request to it")
    max_concurrency: int = Field(default=8, ge=1, description="items that are read at once")
    credentials: dict[str, SecretStr] = Field(
        default_factory=dict,
        description="options that are credentials",
        examples=[{"key": "${AWS_ACCESS_KEY_ID}", "secret": "${AWS_SECRET_ACCESS_KEY}"}],
    )
    options: dict[str, Any] = Field(default_factory=dict, description="further options of this kind")

    @property
    def default_roles(self) -> tuple[str, ...] | None:
        """The roles for documents of which the source says nothing; None is everybody, and none is nobody."""
        if self.allowed_roles == "all":
            return None
        return self.allowed_roles or ()
