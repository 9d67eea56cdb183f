"""`client.sources`: where documents are synced from."""

from __future__ import annotations

from meta_ai_orchestrator._client.actions import Emits
from meta_ai_orchestrator._client.calls import Call, get, path, post
from meta_ai_orchestrator._client.endpoints import Endpoint, Listed, Mode, Resource
from meta_ai_orchestrator.types import ListedSource, RequestedSync, SourceState


class Sources(Resource[Mode]):
    """The configured sources of documents."""

    @Listed
    def list(self, *, limit: int | None = None) -> Emits[ListedSource]:
        """List the sources, with the last sync of each."""
        return self._core.pages("/v1/sources", ListedSource, {"limit": limit})

    @Endpoint
    def sync(self, source: str, *, dry_run: bool = False, full: bool = False) -> Call[RequestedSync]:
        """Have a source synced; `state` tells how far that is."""
        return post(RequestedSync, path("/v1/sources", source, "sync"), {"dry_run": dry_run, "full": full})

    @Endpoint
    def state(self, source: str) -> Call[SourceState]:
        """Return the last sync of a source, or the one under way."""
        return get(SourceState, path("/v1/sources", source, "sync"))
