"""Fusion: what a strategy is written with, and `fuse_recorded`, which fuses recorded answers again.

It needs the server's part: pip install "meta-ai-orchestrator[server]".
"""

from __future__ import annotations

from meta_ai_orchestrator._path import server_part

with server_part():
    from app.errors import ConfigurationError
    from app.fusion.base import Call, Calls, Candidate, Fused, Panel, Strategy, StrategyOptions, ranked
    from app.fusion.recorded import fuse_recorded

__all__ = [
    "Call",
    "Calls",
    "Candidate",
    "ConfigurationError",
    "Fused",
    "Panel",
    "Strategy",
    "StrategyOptions",
    "fuse_recorded",
    "ranked",
]
