"""The agents: each reads one topic and processes its events."""

from __future__ import annotations

from agents import call_model, call_webhook, connect, deploy, ingest, retrieve, stateful, sync
from agents.base import Agent

#: Every agent of a worker, in the order in which a task meets them.
ALL: tuple[Agent, ...] = (
    *stateful.AGENTS,
    retrieve.AGENT,
    call_model.AGENT,
    connect.AGENT,
    call_webhook.AGENT,
    sync.AGENT,
    ingest.AGENT,
    deploy.AGENT,
)
