"""Sources: what a class is written with that documents are synced from.

It needs the server's part: pip install "meta-ai-orchestrator[server]".
"""

from __future__ import annotations

from meta_ai_orchestrator._path import server_part

with server_part():
    from app.errors import ConfigurationError, MissingDependency, SourceError, SourceUnavailable
    from app.settings import SourceSettings
    from app.sources.base import Content, Item, Options, Permissions, Source, from_thread, in_thread, parse_options

__all__ = [
    "ConfigurationError",
    "Content",
    "Item",
    "MissingDependency",
    "Options",
    "Permissions",
    "Source",
    "SourceError",
    "SourceSettings",
    "SourceUnavailable",
    "from_thread",
    "in_thread",
    "parse_options",
]
