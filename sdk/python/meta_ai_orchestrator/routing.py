"""Routing: what a policy is written with.

It needs the server's part: pip install "meta-ai-orchestrator[server]".
"""

from __future__ import annotations

from meta_ai_orchestrator._path import server_part

with server_part():
    from app.errors import ConfigurationError
    from app.routing.base import (
        Choice,
        HealthSnapshot,
        Lookup,
        ModelAnswer,
        ModelProfile,
        Policy,
        PolicyOptions,
        RoutingRequest,
        SinglePassPolicy,
    )

__all__ = [
    "Choice",
    "ConfigurationError",
    "HealthSnapshot",
    "Lookup",
    "ModelAnswer",
    "ModelProfile",
    "Policy",
    "PolicyOptions",
    "RoutingRequest",
    "SinglePassPolicy",
]
