"""The metrics port: hooks that the core calls; these do nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


class Metrics:
    """The hooks; a subclass overrides those that it measures. All durations are in seconds.

    Labels are bounded sets: topics, agents, models, workflows, and the codes of `app.errors`.
    """

    def received(self, topic: str) -> None:
        """Count an event given to an agent."""

    def finished(self, topic: str, outcome: str, seconds: float) -> None:
        """Count an event that is done: `ok`, `dead_letter`, `error`, `duplicate`, `expired` or `stale`."""

    def sent(self, topic: str) -> None:
        """Count an event that the broker acknowledged."""

    def in_flight(self, agent: str, n: int) -> None:
        """Set how many events an agent is processing."""

    def retried(self, agent: str) -> None:
        """Count a retry of a handler."""

    def dead_letter(self, topic: str, reason: str) -> None:
        """Count an event of `topic` that was dead-lettered."""

    def model_call(  # noqa: PLR0917  # one call has this many facts
        self,
        model: str,
        provider: str,
        outcome: str,
        seconds: float,
        tries: int = 1,
        input_tokens: int = 0,
        output_tokens: int = 0,
    ) -> None:
        """Count a call including its retries; `outcome` is `ok` or an error code."""

    def repaired(self, model: str, kinds: Iterable[str]) -> None:
        """Count an answer that was used after repairs of these kinds."""

    def cache(self, model: str, found: str) -> None:
        """Count a call that may be answered from the cache: `new`, `shared`, `equal` or `similar`."""

    def model_stream(self, model: str, provider: str, first_token: float, longest_gap: float | None) -> None:
        """Record the time to the first token of a streamed answer, and its longest gap; None for a single piece."""

    def retrieval(self, outcome: str, seconds: float) -> None:
        """Count a retrieval; `outcome` is `ok` or an error code."""

    def embedding_batch(self, texts: int) -> None:
        """Record the number of texts in a call of a batching embedder."""

    def run_finished(self, workflow: str, status: str, seconds: float) -> None:
        """Count a run that ended as `succeeded`, `failed` or `cancelled`."""

    def runs_active(self, n: int) -> None:
        """Set how many runs are active on this worker."""

    def definitions_refused(self, n: int) -> None:
        """Set how many deployed workflow versions this worker cannot run."""

    def source_items(self, source: str, counts: Mapping[str, int]) -> None:
        """Count items of a source that a sync has looked at, by what became of them."""

    def sync_finished(self, source: str, status: str) -> None:
        """Count a sync that ended as `succeeded` or `failed`."""

    def lag(self, topic: str, partition: int, n: int | None) -> None:
        """Set how many events of a partition are not finished; None when another worker owns it now."""

    def owned_partitions(self, n: int) -> None:
        """Set how many partitions are assigned to this worker."""

    def render(self) -> bytes:
        """Return all measurements in the Prometheus text format."""
        return b""


class NullMetrics(Metrics):
    """Measures nothing."""
