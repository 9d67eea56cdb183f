"""Data residency: what a tenant's work may reach, by where it runs."""

from __future__ import annotations

from typing import Any, TypeVar

from app.errors import ResidencyError
from app.settings import Settings
from topics.base import Event
from topics.model_requests import ModelRequest
from topics.retrieval_requests import RetrievalRequest
from topics.step_requests import StepRequest

R = TypeVar("R", bound=Event)

#: What runs inside the worker, and so where the worker is: providers of models, embedders, stores, caches, kinds of
#: connectors, and of sources.
_PROVIDERS = {"local", "scripted"}
_EMBEDDERS = {"minilm", "hashing"}
_IN_MEMORY = "memory"
_FILES = "files"
#: The settings that say where built-in connectors lead: to the embedder, or to models inside the worker only.
_BUILT_IN = dict.fromkeys(("embed", "similarity"), "retrieval.embedder_region") | {"count_tokens": "residency.region"}
#: Stands for everyone who is not named.
_EVERYONE = "*"


class Residency:
    """Says whether a tenant's work may reach a model, a connector, a source, the store, the embedder, or the cache.

    What states no region, and does not run inside the worker, is in no region.
    """

    def __init__(self, settings: Settings) -> None:
        here = settings.residency.region
        found, cache = settings.retrieval, settings.cache
        self._tenants = {tenant: frozenset(regions) for tenant, regions in settings.residency.tenants.items()}
        self._models = {
            name: model.region or (here if model.provider in _PROVIDERS else None)
            for name, model in settings.models.items()
        }
        self._stores = {
            name: (store.region or (here if store.store == _IN_MEMORY else None), f"{store.where}region")
            for name, store in found.each_store().items()
        }
        self._embedder = found.embedder_region or (here if found.embedder in _EMBEDDERS else None)
        self._cache = cache.region or (here if cache.store == _IN_MEMORY else None)
        self._connectors = {
            **{name: here if setting == "residency.region" else self._embedder for name, setting in _BUILT_IN.items()},
            **{name: connector.region for name, connector in settings.connectors.items()},
        }

        self._sources = {
            name: source.region or (here if source.kind == _FILES else None)
            for name, source in settings.sources.items()
        }

    def models(self, tenant: str, models: tuple[str, ...]) -> tuple[str, ...]:
        """Return those of `models` that the tenant's work may reach.

        Raises:
            ResidencyError: none of them.
        """
        found = tuple(name for name in models if self._allows(tenant, self._models.get(name)))
        if models and not found:
            self.check_model(tenant, models[0])
        return found

    def check_model(self, tenant: str, name: str) -> None:
        """Return if the tenant's work may reach the model.

        Raises:
            ResidencyError: it may not.
        """
        self._check(tenant, f"the model {name}", self._models.get(name), f"models.{name}.region")

    def check_connector(self, tenant: str, name: str) -> None:
        """Return if the tenant's work may reach the connector.

        Raises:
            ResidencyError: it may not.
        """
        setting = _BUILT_IN.get(name, f"connectors.{name}.region")
        self._check(tenant, f"the connector {name}", self._connectors.get(name), setting)

    def check_source(self, tenant: str, name: str) -> None:
        """Return if the tenant's documents may come from the source.

        Raises:
            ResidencyError: they may not.
        """
        self._check(tenant, f"the source {name}", self._sources.get(name), f"sources.{name}.region")

    def check_documents(self, tenant: str) -> None:
        """Return if the tenant's documents may reach the embedder, and one of the stores.

        Raises:
            ResidencyError: they may not.
        """
        self._check_embedder(tenant)
        if not self.stores(tenant):
            self._check_store(tenant, next(iter(self._stores)))

    def stores(self, tenant: str) -> frozenset[str]:
        """Return the names of the stores that the tenant's documents and searches may reach."""
        return frozenset(name for name, (region, _) in self._stores.items() if self._allows(tenant, region))

    def is_allowed_store(self, name: str, tenant: str) -> bool:
        """Return whether the tenant's documents and searches may reach the store of this name."""
        return name in self.stores(tenant)

    def admit(self, request: R) -> R:
        """Return a request to an agent, without what the tenant's work may not reach beside that agent's own.

        Raises:
            ResidencyError: the request as a whole may not be made.
        """
        match request:
            case ModelRequest(tenant=tenant, model=model):
                self.check_model(tenant, model)
                changes: dict[str, Any] = {}
                if not self._allows(tenant, self._embedder):
                    changes |= {"embed": False, "cache_similar": None}
            case StepRequest(tenant=tenant, connector=connector):
                self.check_connector(tenant, connector)
                changes = {}
            case RetrievalRequest(tenant=tenant, stores=stores):
                self._check_embedder(tenant)
                changes = {"stores": self._searched(tenant, stores)} if stores else {}
                if not stores:
                    self._check_store(tenant, next(iter(self._stores)))
            case _:
                return request
        if not self._allows(tenant, self._cache):
            changes["cache_for"] = None
        return request.model_copy(update=changes) if changes else request

    def _searched(self, tenant: str, names: tuple[str, ...]) -> tuple[str, ...]:
        """Return those of the stores that the search may reach; one that does not exist is found by who searches it."""
        allowed = self.stores(tenant)
        found = tuple(name for name in names if name in allowed or name not in self._stores)
        if not found:
            self._check_store(tenant, names[0])
        return found

    def _check_embedder(self, tenant: str) -> None:
        self._check(tenant, "the embedder", self._embedder, "retrieval.embedder_region")

    def _check_store(self, tenant: str, name: str) -> None:
        region, setting = self._stores[name]
        self._check(tenant, "the store" if len(self._stores) == 1 else f"the store {name}", region, setting)

    def _bound(self, tenant: str) -> frozenset[str] | None:
        return self._tenants.get(tenant, self._tenants.get(_EVERYONE))

    def _allows(self, tenant: str, region: str | None) -> bool:
        bound = self._bound(tenant)
        return bound is None or region in bound

    def _check(self, tenant: str, what: str, region: str | None, setting: str) -> None:
        if not self._allows(tenant, region):
            who = f"tenant {tenant}" if tenant else "work without a tenant"
            regions = ", ".join(sorted(self._bound(tenant) or ()))
            where = f"is in {region}" if region else f"is in no known region: set {setting}"
            raise ResidencyError(f"{who} is bound to {regions}, and {what} {where}")
