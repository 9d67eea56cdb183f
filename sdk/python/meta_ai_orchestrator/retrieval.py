"""Stores and embedders: what one is written with.

It needs the server's part: pip install "meta-ai-orchestrator[server]".
"""

from __future__ import annotations

from meta_ai_orchestrator._path import server_part

with server_part():
    from app.errors import ConfigurationError, InvalidEvent, MissingDependency, RetrievalError
    from app.retrieval.base import (
        Embedder,
        Rebuild,
        RemoteStore,
        SearchScope,
        Store,
        StoreStatus,
        Vectors,
        revision,
    )
    from app.settings import RetrievalSettings
    from app.vectors import decode as decode_vector
    from app.vectors import encode as encode_vector
    from topics.chunks import DocumentChunks, EmbeddedChunk
    from topics.metadata_filters import MetadataFilter
    from topics.retrieval_results import Chunk

__all__ = [
    "Chunk",
    "ConfigurationError",
    "DocumentChunks",
    "EmbeddedChunk",
    "Embedder",
    "InvalidEvent",
    "MetadataFilter",
    "MissingDependency",
    "Rebuild",
    "RemoteStore",
    "RetrievalError",
    "RetrievalSettings",
    "SearchScope",
    "Store",
    "StoreStatus",
    "Vectors",
    "decode_vector",
    "encode_vector",
    "revision",
]
