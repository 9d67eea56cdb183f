"""Workflows in Python, and functions as connectors: see `Flow` and `function`.

It needs the server's part: pip install "meta-ai-orchestrator[server]".
"""

from __future__ import annotations

from meta_ai_orchestrator._path import server_part

with server_part():
    from app.workflows.definition.builder import (
        Flow,
        Handle,
        ask,
        branch,
        connector,
        fusion,
        retrieve,
        routing,
        to_yaml,
        tool,
        transform,
        workflow,
    )
    from app.workflows.definition.functions import function
    from app.workflows.definition.references import Ref
    from app.workflows.definition.spec import Workflow

__all__ = [
    "Flow",
    "Handle",
    "Ref",
    "Workflow",
    "ask",
    "branch",
    "connector",
    "function",
    "fusion",
    "retrieve",
    "routing",
    "to_yaml",
    "tool",
    "transform",
    "workflow",
]
