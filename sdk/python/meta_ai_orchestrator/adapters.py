"""What a model adapter of one's own is written with, and `probe`, which tells whether it keeps the port's promises.

It needs the server's part: pip install "meta-ai-orchestrator[server]".
"""

from __future__ import annotations

import sys
from importlib.util import find_spec

from meta_ai_orchestrator.__main__ import server_root

if find_spec("app") is None:
    sys.path.append(str(server_root()))  # behind what the user has: it must hide nothing of theirs

from app.errors import (
    ConfigurationError,
    ContentFiltered,
    InvalidRequest,
    MissingDependency,
    ModelError,
    ModelTimeout,
    Overloaded,
    RateLimited,
    Unauthorized,
    Unavailable,
)
from app.models.base import Completion, Delta, Features, Model, Prompt, RateLimitHeaders, StreamingModel
from app.models.conformance.probe import Check, probe
from app.models.options import fill, parse, sampling
from app.settings import ModelSettings, Section
from topics.model_requests import Message, Sampling, Tool, ToolCall
from topics.model_responses import TokenLogprob, Usage

#: The name of `RateLimitHeaders` in 0.1, kept for the adapters that use it.
Allowance = RateLimitHeaders

__all__ = [
    "Allowance",
    "Check",
    "Completion",
    "ConfigurationError",
    "ContentFiltered",
    "Delta",
    "Features",
    "InvalidRequest",
    "Message",
    "MissingDependency",
    "Model",
    "ModelError",
    "ModelSettings",
    "ModelTimeout",
    "Overloaded",
    "Prompt",
    "RateLimitHeaders",
    "RateLimited",
    "Sampling",
    "Section",
    "StreamingModel",
    "TokenLogprob",
    "Tool",
    "ToolCall",
    "Unauthorized",
    "Unavailable",
    "Usage",
    "fill",
    "parse",
    "probe",
    "sampling",
]
