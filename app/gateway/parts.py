"""What the routes of a gateway share."""

from __future__ import annotations

from dataclasses import dataclass

from app.client.client import Client
from app.gateway.views.answer_feed import AnswerFeed
from app.gateway.views.answer_stream import AnswerStream
from app.gateway.views.catalog import Catalog
from app.gateway.views.key_directory import KeyDirectory
from app.gateway.views.task_log import TaskLog
from app.security.policies import Policies
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class Parts:
    """The settings, and what reads and writes topics."""

    settings: Settings
    client: Client
    log: TaskLog
    catalog: Catalog
    feed: AnswerFeed
    keys: KeyDirectory
    policies: Policies

    def answer(self, task_id: str) -> AnswerStream:
        """Return what follows the answer to a task."""
        return AnswerStream(self.log, self.feed, task_id)
