"""The events: one file for each kind, with its model and the topic that carries it."""

from __future__ import annotations

from typing import Any

from topics.api_keys import API_KEYS
from topics.audit import AUDIT
from topics.audit_chain import AUDIT_CHAIN
from topics.base import Topic
from topics.batches import BATCHES
from topics.budgets import BUDGETS
from topics.chunks import CHUNKS
from topics.dead_letters import DEAD_LETTERS
from topics.definitions import DEFINITIONS
from topics.documents import DOCUMENTS
from topics.feedback import FEEDBACK
from topics.file_pieces import FILE_PIECES
from topics.files import FILES
from topics.model_health import MODEL_HEALTH
from topics.model_requests import MODEL_REQUESTS
from topics.model_responses import MODEL_RESPONSES
from topics.result_chunks import RESULT_CHUNKS
from topics.results import RESULTS
from topics.retrieval_requests import RETRIEVAL_REQUESTS
from topics.retrieval_results import RETRIEVAL_RESULTS
from topics.signals import SIGNALS
from topics.slots import SLOTS
from topics.source_documents import SOURCE_DOCUMENTS
from topics.sources import SOURCES
from topics.spend import SPEND
from topics.step_requests import STEP_REQUESTS
from topics.step_results import STEP_RESULTS
from topics.sync_requests import SYNC_REQUESTS
from topics.tasks import TASKS
from topics.webhook_requests import WEBHOOK_REQUESTS
from topics.webhook_results import WEBHOOK_RESULTS

__all__ = [
    "ALL",
    "API_KEYS",
    "AUDIT",
    "AUDIT_CHAIN",
    "BATCHES",
    "BUDGETS",
    "CHUNKS",
    "CONSUMED",
    "DEAD_LETTERS",
    "DEFINITIONS",
    "DOCUMENTS",
    "FEEDBACK",
    "FILES",
    "FILE_PIECES",
    "MODEL_HEALTH",
    "MODEL_REQUESTS",
    "MODEL_RESPONSES",
    "RESULTS",
    "RESULT_CHUNKS",
    "RETRIEVAL_REQUESTS",
    "RETRIEVAL_RESULTS",
    "SIGNALS",
    "SLOTS",
    "SOURCES",
    "SOURCE_DOCUMENTS",
    "SPEND",
    "STEP_REQUESTS",
    "STEP_RESULTS",
    "SYNC_REQUESTS",
    "TASKS",
    "WEBHOOK_REQUESTS",
    "WEBHOOK_RESULTS",
    "Topic",
]

#: Every public topic, in the order in which a task meets them.
ALL: tuple[Topic[Any], ...] = (
    TASKS,
    RETRIEVAL_REQUESTS,
    RETRIEVAL_RESULTS,
    MODEL_REQUESTS,
    MODEL_RESPONSES,
    STEP_REQUESTS,
    STEP_RESULTS,
    SIGNALS,
    SLOTS,
    BUDGETS,
    RESULT_CHUNKS,
    RESULTS,
    WEBHOOK_REQUESTS,
    WEBHOOK_RESULTS,
    FEEDBACK,
    SPEND,
    DEFINITIONS,
    MODEL_HEALTH,
    SYNC_REQUESTS,
    SOURCES,
    SOURCE_DOCUMENTS,
    DOCUMENTS,
    CHUNKS,
    FILES,
    FILE_PIECES,
    BATCHES,
    DEAD_LETTERS,
    AUDIT,
    API_KEYS,
    AUDIT_CHAIN,
)

#: What the workers read as one consumer group; the others are only written to, or read in full by each worker.
CONSUMED: tuple[Topic[Any], ...] = (
    TASKS,
    RETRIEVAL_REQUESTS,
    RETRIEVAL_RESULTS,
    MODEL_REQUESTS,
    MODEL_RESPONSES,
    STEP_REQUESTS,
    STEP_RESULTS,
    SIGNALS,
    SLOTS,
    BUDGETS,
    WEBHOOK_REQUESTS,
    WEBHOOK_RESULTS,
    SYNC_REQUESTS,
    DOCUMENTS,
    DEFINITIONS,
    AUDIT,
)
