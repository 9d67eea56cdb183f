"""Workflows in Python, and functions as connectors: see `Flow` and `function`.

It needs the server's part: pip install "meta-ai-orchestrator[server]".
"""

from __future__ import annotations

import sys
from importlib.util import find_spec

from meta_ai_orchestrator.__main__ import server_root

if find_spec("app") is None:
    sys.path.append(str(server_root()))  # behind what the user has: it must hide nothing of theirs

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
