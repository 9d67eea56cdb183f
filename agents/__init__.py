"""The agents: who reads which topic, and what becomes of its events."""

from __future__ import annotations

from agents import call_model, connect, ingest, retrieve, stateful
from agents.base import Agent

#: Every agent of a worker, those first that a task meets first.
ALL: tuple[Agent, ...] = (*stateful.AGENTS, retrieve.AGENT, call_model.AGENT, connect.AGENT, ingest.AGENT)
