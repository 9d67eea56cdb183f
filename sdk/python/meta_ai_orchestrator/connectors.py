"""Connectors: what a function or a class is written with that steps of the kind `connector` call.

It needs the server's part: pip install "meta-ai-orchestrator[server]".
"""

from __future__ import annotations

from meta_ai_orchestrator._path import server_part

with server_part():
    from app.connectors.base import Arguments, Connector, parse_arguments, parse_options
    from app.errors import ConfigurationError, ConnectorError, ConnectorTimeout, ConnectorUnavailable, MissingDependency
    from app.settings import ConnectorSettings

__all__ = [
    "Arguments",
    "ConfigurationError",
    "Connector",
    "ConnectorError",
    "ConnectorSettings",
    "ConnectorTimeout",
    "ConnectorUnavailable",
    "MissingDependency",
    "parse_arguments",
    "parse_options",
]
