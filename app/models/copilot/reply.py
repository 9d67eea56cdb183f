"""Assemble an answer from the events of a Copilot session."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from app.errors import ModelError
from app.models.answers.builder import AnswerBuilder
from app.models.answers.finish_reasons import finish_reason
from app.models.answers.json_data import text
from app.models.base import Completion, Delta
from app.models.http.errors import ErrorTranslator
from app.models.usage import read_usage
from topics.model_responses import Usage

#: The types of session errors that stand for an HTTP status.
_STATUSES = {"authentication": 401, "authorization": 403, "quota": 402, "rate_limit": 429}


class CopilotReply:
    """Builds an answer from the events of its session, which are identified by name."""

    def __init__(self, errors: ErrorTranslator) -> None:
        self.ended = False
        self._answer = AnswerBuilder(errors)
        self._reason = "other"
        self._usage = Usage()

    @property
    def partial(self) -> Completion:
        """All that has come so far, with what was counted."""
        return replace(self._answer.partial, usage=self._usage)

    def take(self, event: Any) -> Delta | None:
        """Add one event, and return the delta that it contains.

        Raises:
            ModelError: it reports a failure.
        """
        match type(event).__name__:
            case "AssistantMessageDeltaData":
                return self._answer.show(text(event.delta_content))
            case "AssistantReasoningDeltaData":
                return self._answer.show(reasoning=text(event.delta_content))
            case "AssistantMessageData":
                return self._answer.show_rest(text(event.content))
            case "AssistantUsageData":
                self._count(event)
                return Delta(usage=self._usage)
            case "ModelCallFailureData":
                raise self._failure(event.status_code, event.error_message)
            case "SessionErrorData":
                raise self._failure(event.status_code or _STATUSES.get(event.error_type), event.message)
            case "AssistantTurnEndData" | "SessionIdleData":
                # After an answer that was too long the runtime starts another turn by itself, which is ignored.
                self.ended = True
        return None

    def completion(self) -> Completion:
        """Return the complete answer.

        Raises:
            ModelError: there is none, or it was withheld.
        """
        if not self._answer.begun:
            raise self._answer.errors.broken("the session ended without an answer")
        self._answer.close()
        return replace(self._answer.completion(self._reason), usage=self._usage)

    def _count(self, event: Any) -> None:
        self._reason = finish_reason(event.finish_reason) or "other"
        # Each event is about another call of the model within the session.
        self._usage += read_usage(
            {
                "prompt_tokens": event.input_tokens,
                "completion_tokens": event.output_tokens,
                "cached_tokens": event.cache_read_tokens,
                "reasoning_tokens": event.reasoning_tokens,
            }
        )

    def _failure(self, status: int | None, message: str | None) -> ModelError:
        return self._answer.errors.reported({"code": status, "message": _message(message)})


def _message(told: str | None) -> str | None:
    """Return the provider's message, if the runtime passes on its whole response."""
    try:
        body = json.loads(told or "")
    except ValueError:
        return told
    return body.get("message", told) if isinstance(body, dict) else told
