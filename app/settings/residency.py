"""Where the data of tenants may go."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from app.settings.values import Section

Region = Annotated[str, Field(min_length=1, max_length=100)]


class ResidencySettings(Section):
    """The regions to which tenants are bound; who is not named is bound to none."""

    region: Region | None = Field(
        default=None,
        description="where the workers run, and with them what states no region and runs inside of them",
        examples=["eu"],
    )
    tenants: dict[str, Annotated[tuple[Region, ...], Field(min_length=1)]] = Field(
        default_factory=dict,
        description="the regions that a tenant's work may reach; `*` is everyone who is not named",
        examples=[{"acme": ["eu"]}],
    )
