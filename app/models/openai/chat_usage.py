"""The token usage of Chat Completions, as various servers report it."""

from __future__ import annotations

from pydantic import BaseModel

from topics.model_responses import Usage


class _Details(BaseModel):
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


class ChatUsage(BaseModel):
    """The token usage of a call."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_cache_hit_tokens: int | None = None
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None

    def usage(self) -> Usage:
        """Return our usage: some providers do not count reasoning as output."""
        read, wrote = self.prompt_tokens or 0, self.completion_tokens or 0
        whole = max(wrote, (self.total_tokens or 0) - read)
        details = self.prompt_tokens_details or _Details()
        reasoning_count = (self.completion_tokens_details or _Details()).reasoning_tokens
        return Usage(
            input_tokens=read,
            output_tokens=whole,
            cached_input_tokens=details.cached_tokens or self.prompt_cache_hit_tokens or 0,
            reasoning_tokens=whole - wrote if reasoning_count is None else reasoning_count,
        )
