"""Caches of responses: what one is written with.

It needs the server's part: pip install "meta-ai-orchestrator[server]".
"""

from __future__ import annotations

from meta_ai_orchestrator._path import server_part

with server_part():
    from app.caching.base import Cache, CacheEntry
    from app.errors import ConfigurationError, MissingDependency
    from app.settings import CacheSettings

__all__ = [
    "Cache",
    "CacheEntry",
    "CacheSettings",
    "ConfigurationError",
    "MissingDependency",
]
