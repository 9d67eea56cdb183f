"""The kinds of sources, by name, and the configured ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.entry_points import named
from app.errors import ConfigurationError
from app.rotation import Live
from app.settings import SourceSettings
from app.sources.base import Source
from app.suggestions import did_you_mean

GROUP = "meta_ai_orchestrator.sources"

#: The kinds that settings can use, besides the entry points of the group.
KINDS: Mapping[str, str] = {
    "files": "app.sources.files:FilesSource",
    "fsspec": "app.sources.fsspec:FsspecSource",
    "http": "app.sources.http:HttpSource",
    "kafka": "app.sources.kafka:KafkaSource",
    "sql": "app.sources.sql:SqlSource",
}


@dataclass(frozen=True, slots=True)
class ConfiguredSource:
    """A source as it is configured; with `live` settings, its secrets are those of now."""

    name: str
    configured: SourceSettings
    live: Live[SourceSettings] | None = None

    @property
    def settings(self) -> SourceSettings:
        """The settings, with the secrets as they were read last."""
        return self.live.value if self.live else self.configured

    async def open(self) -> Source:
        """Return the source, for one sync."""
        if self.live:
            await self.live.renew()
        return build(self.name, self.settings)


def build_all(
    settings: Mapping[str, SourceSettings], live: Mapping[str, Live[SourceSettings]] | None = None
) -> dict[str, ConfiguredSource]:
    """Return the sources of the settings; each is made once, to see whether that is possible.

    Raises:
        ConfigurationError: as `build`.
        MissingDependency: a source needs a package that is not installed.
    """
    for name, one in settings.items():
        made = build(name, one)
        if one.watch and not hasattr(made, "changes"):
            raise ConfigurationError(f"sources.{name}.watch: {one.kind} cannot be watched; set a schedule")
    return {name: ConfiguredSource(name, one, (live or {}).get(name)) for name, one in settings.items()}


def build(name: str, settings: SourceSettings) -> Source:
    """Return the source that the configuration calls `name`; nothing is connected yet.

    An entry point of the group refers to a class with `from_settings(name, settings)`.

    Raises:
        ConfigurationError: the kind is unknown or cannot be imported, or the settings are not valid for it.
        MissingDependency: it needs a package that is not installed.
    """
    known = named(KINDS, GROUP)
    if settings.kind not in known:
        raise ConfigurationError(
            f"sources.{name}.kind: unknown kind {settings.kind!r} (packages add kinds as entry points of {GROUP}); "
            f"{did_you_mean(settings.kind, known)}"
        )
    try:
        kind: Any = known[settings.kind].load()
    except (ImportError, AttributeError) as problem:
        raise ConfigurationError(f"sources.{name}.kind: {settings.kind} cannot be loaded: {problem}") from problem
    made: Source = kind.from_settings(name, settings)
    return made
