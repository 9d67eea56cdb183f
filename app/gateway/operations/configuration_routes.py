"""`/v1/adapters`, `/v1/connectors` and `/v1/config`: what is installed and configured."""

from __future__ import annotations

import asyncio
from functools import cache
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, JsonValue

from app.configuration.export import export, shown_url
from app.connectors.registry import BUILT_IN
from app.errors import ConfigurationError
from app.gateway.openapi import refusals
from app.gateway.parts import Parts
from app.gateway.problems import Refusal
from app.gateway.rest.pages import Cursor, Limit, page_by_name
from app.models import adapter_catalog
from app.models.adapter_catalog import Adapter, Description
from app.settings import ConnectorSettings
from app.suggestions import did_you_mean

AdapterName = Annotated[str, Path(max_length=200)]


class AdapterList(BaseModel):
    """Adapters by name, and the cursor of the next page."""

    data: list[Adapter]
    next: str | None = None


class ConnectorView(BaseModel):
    """A connector that workflows can name; `headers` are the names of those that it sends, `timeout` is in seconds."""

    name: str
    kind: str
    built_in: bool = False
    url: str | None = None
    headers: list[str] = []
    timeout: float
    max_concurrency: int


class ConnectorList(BaseModel):
    """Connectors by name, and the cursor of the next page."""

    data: list[ConnectorView]
    next: str | None = None


class ConfigView(BaseModel):
    """The configuration as it applies to this gateway, in the form of its file; secrets are hidden."""

    config: dict[str, JsonValue]


def routes(parts: Parts) -> APIRouter:
    """Return the routes."""
    router = APIRouter()
    list_adapters = cache(adapter_catalog.list_adapters)

    @router.get("/v1/adapters", responses=refusals())
    async def adapters(limit: Limit = 20, cursor: Cursor = "") -> AdapterList:
        """List the adapters of models, those of installed packages too."""
        page = page_by_name(list_adapters(), lambda one: one.name, cursor, limit)
        return AdapterList(data=list(page.rows), next=page.next)

    @router.get("/v1/adapters/{adapter}", responses=refusals(404, 501))
    async def adapter(adapter: AdapterName) -> Description:
        """Describe an adapter: its features and options, with an example for the configuration."""
        known = {one.name for one in list_adapters()}
        if adapter not in known:
            text = f"there is no adapter {adapter}; {did_you_mean(adapter, known)}"
            raise Refusal(HTTPStatus.NOT_FOUND, "unknown_adapter", text)
        try:
            return await asyncio.to_thread(adapter_catalog.describe_adapter, adapter)  # which may import an SDK
        except ConfigurationError as error:
            raise Refusal(HTTPStatus.NOT_IMPLEMENTED, "not_installed", str(error)) from None

    @router.get("/v1/connectors", responses=refusals())
    async def connectors(limit: Limit = 20, cursor: Cursor = "") -> ConnectorList:
        """List the connectors, without their secrets."""
        found = {name: ConnectorSettings(kind=name) for name in BUILT_IN} | parts.settings.connectors
        page = page_by_name(sorted(found), str, cursor, limit)
        return ConnectorList(data=[_connector(name, found[name]) for name in page.rows], next=page.next)

    @router.get("/v1/config", responses=refusals())
    async def config() -> ConfigView:
        """Return the configuration as it applies, without secrets."""
        return ConfigView(config=export(parts.settings))

    return router


def _connector(name: str, settings: ConnectorSettings) -> ConnectorView:
    return ConnectorView(
        name=name,
        kind=settings.kind,
        built_in=name in BUILT_IN,
        url=settings.url and shown_url(settings.url),
        headers=sorted(settings.headers),
        timeout=settings.timeout,
        max_concurrency=settings.max_concurrency,
    )
