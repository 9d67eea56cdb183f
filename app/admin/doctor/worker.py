"""Whether a worker is ready."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from app.admin.doctor.base import Examination, Finding
from app.admin.readiness import readiness


class Readiness:
    """Asks the health page of the worker here."""

    name = "worker"
    needs_broker = needs_network = False

    async def findings(self, examined: Examination) -> AsyncIterator[Finding]:
        """Yield whether it is ready."""
        ready, detail = await asyncio.to_thread(readiness, examined.http)
        fix = (
            "" if ready else "start one: meta-ai orchestrator run, or look at its logs; those elsewhere: meta-ai status"
        )
        yield Finding(self.name, "ok" if ready else "warning", examined.http, detail, fix)
