from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import pytest

from agents import call_model, connect, retrieve
from tests.agents.deps import assemble
from tests.delivery.fakes import Stream, World, until
from topics import MODEL_REQUESTS, MODEL_RESPONSES, RETRIEVAL_REQUESTS, RETRIEVAL_RESULTS, STEP_REQUESTS, STEP_RESULTS
from topics.base import Topic
from topics.model_requests import Message, ModelRequest
from topics.retrieval_requests import RetrievalRequest
from topics.step_requests import StepRequest

ASKED = {"id": "t/s/1", "task_id": "t", "step": "s"}


@pytest.mark.parametrize(
    ("agent", "topic", "answers", "request_"),
    [
        (
            call_model,
            MODEL_REQUESTS,
            MODEL_RESPONSES,
            ModelRequest(**ASKED, branch="m", model="m", messages=(Message(role="user", content="?"),)),
        ),
        (retrieve, RETRIEVAL_REQUESTS, RETRIEVAL_RESULTS, RetrievalRequest(**ASKED, query="?")),
        (connect, STEP_REQUESTS, STEP_RESULTS, StepRequest(**ASKED, connector="none")),
    ],
)
async def test_that_what_nobody_waits_for_is_let_go_and_is_new_when_it_is_asked_for_again(
    agent: ModuleType, topic: Topic[Any], answers: Topic[Any], request_: Any
) -> None:
    engine_context, stream = World(), Stream()
    engine_context.own(topic.name, 0)
    engine_context.start(agent.run(stream, assemble(engine_context, m={})))
    late = request_.model_copy(update={"expires_at": datetime.now(UTC) - timedelta(seconds=1)})
    engine_context.deliver(stream, engine_context.message(topic, late))
    await until(lambda: engine_context.committable(topic) == 1)
    assert engine_context.producer.on(answers) == []
    assert engine_context.metrics.outcomes == ["expired"]
    again = request_.model_copy(update={"expires_at": datetime.now(UTC) + timedelta(seconds=60)})
    engine_context.deliver(stream, engine_context.message(topic, again))
    await until(lambda: engine_context.committable(topic) == 2)
    assert len(engine_context.producer.on(answers)) == 1
    await engine_context.stop()
