"""Whether a worker could be built from the configuration."""

from __future__ import annotations

from collections.abc import AsyncIterator

from app.admin.doctor.base import Examination, Finding
from app.worker.components import components


class BuiltComponents:
    """Builds what a worker is made of, without calling anything."""

    name = "components"
    needs_broker = needs_network = False

    async def findings(self, examined: Examination) -> AsyncIterator[Finding]:
        """Yield what was built.

        Raises:
            OrchestratorError: something cannot be built; the message says how to fix it.
        """
        built = components(examined.settings)
        await built.close()
        shown = f"models {', '.join(built.models)}; embedder {examined.settings.retrieval.embedder}"
        yield Finding(self.name, "ok", "configuration", f"complete: {shown}")
