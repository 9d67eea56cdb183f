"""The registry of caches, by the names in the settings."""

from __future__ import annotations

from collections.abc import Mapping

from app.caching.base import Cache
from app.caching.rotating import RotatingCache
from app.entry_points import named
from app.errors import ConfigurationError
from app.rotation import Live
from app.settings import CacheSettings

CACHES: Mapping[str, str] = {
    "memory": "app.caching.memory:MemoryCache",
    "redis": "app.caching.redis:RedisCache",
}
GROUP = "meta_ai_orchestrator.caches"


def build(settings: CacheSettings, app_id: str, live: Live[CacheSettings] | None = None) -> Cache:
    """Return the cache that `settings.store` names, made by its `from_settings(settings, app_id)`.

    With `live` settings, whose secrets may change, it changes with them.

    Raises:
        ConfigurationError: the name is unknown or cannot be imported, or the settings are invalid for it.
        MissingDependency: it needs a package that is not installed.
    """
    known = named(CACHES, GROUP)
    if settings.store not in known:
        raise ConfigurationError(f"cache.store: unknown name {settings.store}; known names: {', '.join(sorted(known))}")
    try:
        component = known[settings.store].load()
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(f"cache.store: {settings.store} cannot be imported: {error}") from error
    if live is not None:
        return RotatingCache(live, lambda found: component.from_settings(found, app_id))
    cache: Cache = component.from_settings(settings, app_id)
    return cache
