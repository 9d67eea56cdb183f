"""Models: what an adapter is written with, and `probe`, which tells whether it keeps the port's promises.

It needs the server's part: pip install "meta-ai-orchestrator[server]".
"""

from __future__ import annotations

from meta_ai_orchestrator._path import server_part

with server_part():
    from app.conformance import Check
    from app.errors import (
        BatchExpired,
        BatchFailed,
        ConfigurationError,
        ContentFiltered,
        EmptyAnswer,
        InvalidRequest,
        MissingDependency,
        ModelError,
        ModelTimeout,
        Overloaded,
        RateLimited,
        Unauthorized,
        Unavailable,
    )
    from app.models.base import (
        BatchModel,
        BatchResults,
        Completion,
        Delta,
        Features,
        FindsBatches,
        Model,
        Prompt,
        RateLimitHeaders,
        StreamingModel,
    )
    from app.models.capacity import Capacity
    from app.models.conformance.probe import probe
    from app.models.options import fill, parse, sampling
    from app.settings import ModelSettings, Section
    from topics.model_requests import Feature, Image, Message, Sampling, Tool, ToolCall
    from topics.model_responses import TokenLogprob, Usage

#: The name of `RateLimitHeaders` in 0.1, kept for the adapters that use it.
Allowance = RateLimitHeaders

__all__ = [
    "Allowance",
    "BatchExpired",
    "BatchFailed",
    "BatchModel",
    "BatchResults",
    "Capacity",
    "Check",
    "Completion",
    "ConfigurationError",
    "ContentFiltered",
    "Delta",
    "EmptyAnswer",
    "Feature",
    "Features",
    "FindsBatches",
    "Image",
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
