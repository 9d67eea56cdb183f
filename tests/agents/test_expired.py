from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agents import call_model, connect, retrieve
from agents.base import Agent
from tests.agents.deps import assemble
from tests.delivery.fakes import Harness, Stream, until
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
            call_model.AGENT,
            MODEL_REQUESTS,
            MODEL_RESPONSES,
            ModelRequest(**ASKED, branch="m", model="m", messages=(Message(role="user", content="?"),)),
        ),
        (retrieve.AGENT, RETRIEVAL_REQUESTS, RETRIEVAL_RESULTS, RetrievalRequest(**ASKED, query="?")),
        (connect.AGENT, STEP_REQUESTS, STEP_RESULTS, StepRequest(**ASKED, connector="none")),
    ],
)
async def test_that_what_nobody_waits_for_is_let_go_and_is_new_when_it_is_asked_for_again(
    agent: Agent, topic: Topic[Any], answers: Topic[Any], request_: Any
) -> None:
    harness, stream = Harness(), Stream()
    harness.own(topic.name, 0)
    harness.start(agent.run(stream, assemble(harness, m={})))
    late = request_.model_copy(update={"expires_at": datetime.now(UTC) - timedelta(seconds=1)})
    harness.deliver(stream, harness.message(topic, late))
    await until(lambda: harness.committable(topic) == 1)
    assert harness.producer.on(answers) == []
    assert harness.metrics.outcomes == ["expired"]
    again = request_.model_copy(update={"expires_at": datetime.now(UTC) + timedelta(seconds=60)})
    harness.deliver(stream, harness.message(topic, again))
    await until(lambda: harness.committable(topic) == 2)
    assert len(harness.producer.on(answers)) == 1
    await harness.stop()
