from __future__ import annotations

from app.models.capabilities import adapt_prompt, prompt_from
from app.models.scripted.adapter import Scripted, ScriptedOptions
from topics.model_requests import Message, ModelRequest, Sampling

SCHEMA = {"type": "object", "properties": {"z": {}, "a": {}}}


def _prompt(*, tell_schema: bool, knows_schemas: bool) -> list[str]:
    model = Scripted(ScriptedOptions(), Sampling())
    model.features = model.features | ({"schema"} if knows_schemas else set())
    messages = (Message(role="user", content="why?"),)
    fields = {"id": "r", "task_id": "t", "step": "s", "branch": "m", "model": "m", "messages": messages}
    request = ModelRequest.model_validate({**fields, "output_schema": SCHEMA, "tell_schema": tell_schema})
    prompt, left_out = adapt_prompt(prompt_from(request), model)
    assert not left_out
    assert prompt.schema == SCHEMA
    return [message.content for message in prompt.messages]


def test_that_a_model_that_knows_no_schemas_is_told_of_one_that_the_messages_do_not_tell() -> None:
    words, asked = _prompt(tell_schema=True, knows_schemas=False)
    assert "JSON Schema" in words
    assert asked == "why?"
    assert _prompt(tell_schema=True, knows_schemas=True) == ["why?"]
    assert _prompt(tell_schema=False, knows_schemas=False) == ["why?"]
