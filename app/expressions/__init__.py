"""CEL, the Common Expression Language, made safe for a worker: what an expression reads, costs, and yields."""

from __future__ import annotations

__all__: list[str] = []
