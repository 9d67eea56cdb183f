"""What flows: one file for each event kind, with the model and the topic that carries it."""

from __future__ import annotations

from typing import Any

from topics.audit import AUDIT
from topics.base import Topic
from topics.chunks import CHUNKS
from topics.dead_letters import DEAD_LETTERS
from topics.documents import DOCUMENTS
from topics.model_requests import MODEL_REQUESTS
from topics.model_responses import MODEL_RESPONSES
from topics.results import RESULTS
from topics.retrieval_requests import RETRIEVAL_REQUESTS
from topics.retrieval_results import RETRIEVAL_RESULTS
from topics.tasks import TASKS

__all__ = [
    "ALL",
    "AUDIT",
    "CHUNKS",
    "DEAD_LETTERS",
    "DOCUMENTS",
    "MODEL_REQUESTS",
    "MODEL_RESPONSES",
    "RESULTS",
    "RETRIEVAL_REQUESTS",
    "RETRIEVAL_RESULTS",
    "TASKS",
    "Topic",
]

#: Every public topic, in the order in which a task meets them.
ALL: tuple[Topic[Any], ...] = (
    TASKS,
    RETRIEVAL_REQUESTS,
    RETRIEVAL_RESULTS,
    MODEL_REQUESTS,
    MODEL_RESPONSES,
    RESULTS,
    DOCUMENTS,
    CHUNKS,
    DEAD_LETTERS,
    AUDIT,
)
