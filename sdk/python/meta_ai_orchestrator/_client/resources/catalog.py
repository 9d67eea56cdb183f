"""What is configured: `client.models`, `client.adapters`, `client.connectors` and `client.config`."""

from __future__ import annotations

from typing import Any

from meta_ai_orchestrator._client.actions import Emits
from meta_ai_orchestrator._client.calls import Call, get, path
from meta_ai_orchestrator._client.endpoints import Endpoint, Listed, Mode, Resource
from meta_ai_orchestrator.types import Adapter, ConfigView, ConnectorView, Description, ModelCard


class Models(Resource[Mode]):
    """All that answers: workflows, configured models and panels."""

    @Listed
    def list(self) -> Emits[ModelCard]:
        """List what answers."""
        return self._core.pages("/v1/models", ModelCard)

    @Endpoint
    def get(self, model: str) -> Call[ModelCard]:
        """Return one of them."""
        return get(ModelCard, path("/v1/models", model))


class Adapters(Resource[Mode]):
    """The adapters of models."""

    @Listed
    def list(self, *, limit: int | None = None) -> Emits[Adapter]:
        """List the adapters, those of installed packages too."""
        return self._core.pages("/v1/adapters", Adapter, {"limit": limit})

    @Endpoint
    def get(self, name: str) -> Call[Description]:
        """Return the features and options of one, with an example."""
        return get(Description, path("/v1/adapters", name))


class Connectors(Resource[Mode]):
    """The configured connectors."""

    @Listed
    def list(self, *, limit: int | None = None) -> Emits[ConnectorView]:
        """List the connectors, with the names of their headers."""
        return self._core.pages("/v1/connectors", ConnectorView, {"limit": limit})


class Config(Resource[Mode]):
    """The configuration of the gateway."""

    @Endpoint
    def get(self) -> Call[dict[str, Any]]:
        """Return the configuration as it applies to the gateway; secrets are hidden."""
        return Call(lambda response: ConfigView.of(response).config, "GET", "/v1/config")
