"""The agents: each reads one topic and processes its events."""

from __future__ import annotations

from agents import call_model, call_webhook, connect, deploy, index, ingest, retrieve, stateful, sync
from agents.base import Agent

#: Every agent, in the order in which a task meets them.
ALL: tuple[Agent, ...] = (
    *stateful.AGENTS,
    retrieve.AGENT,
    call_model.AGENT,
    connect.AGENT,
    call_webhook.AGENT,
    sync.AGENT,
    ingest.AGENT,
    index.AGENT,
    deploy.AGENT,
)


def needed(*, remote_stores: bool) -> tuple[Agent, ...]:
    """Return the agents of a worker: without stores elsewhere, nobody needs `index`, which reads all chunks."""
    return ALL if remote_stores else tuple(agent for agent in ALL if agent is not index.AGENT)
