"""Assemble an answer from the events of a Copilot session."""

from __future__ import annotations

import json
from typing import Any

from app.errors import ModelError
from app.models.base import Completion, Delta
from app.models.http.errors import ErrorTranslator
from topics.model_responses import Usage

_FINISH = {"stop": "stop", "length": "length"}
#: The types of session errors that stand for an HTTP status.
_STATUSES = {"authentication": 401, "authorization": 403, "quota": 402, "rate_limit": 429}


class CopilotReply:
    """Builds an answer from the events of its session, which are identified by name."""

    def __init__(self, errors: ErrorTranslator) -> None:
        self.ended = False
        self._errors = errors
        self._pieces: list[str] = []
        self._text: str | None = None
        self._reasoning: list[str] = []
        self._reason = "other"
        self._usage = Usage()

    def take(self, event: Any) -> Delta | None:
        """Add one event, and return the delta that it contains.

        Raises:
            ModelError: it reports a failure.
        """
        match type(event).__name__:
            case "AssistantMessageDeltaData":
                self._pieces.append(event.delta_content)
                return Delta(event.delta_content)
            case "AssistantReasoningDeltaData":
                self._reasoning.append(event.delta_content)
                return Delta(reasoning=event.delta_content)
            case "AssistantMessageData":
                self._text = event.content
            case "AssistantUsageData":
                self._count(event)
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
            Unavailable: there is none.
        """
        # An answer that was too long is not sent as a whole.
        text = "".join(self._pieces) if self._text is None else self._text
        if not text:
            raise self._errors.broken("the session ended without an answer")
        return Completion(text, self._reason, self._usage, reasoning="".join(self._reasoning))

    def _count(self, event: Any) -> None:
        self._reason = _FINISH.get(event.finish_reason or "", "other")
        self._usage += Usage(
            input_tokens=event.input_tokens or 0,
            output_tokens=event.output_tokens or 0,
            cached_input_tokens=event.cache_read_tokens or 0,
            reasoning_tokens=event.reasoning_tokens or 0,
        )

    def _failure(self, status: int | None, message: str | None) -> ModelError:
        return self._errors.reported({"code": status, "message": _message(message)})


def _message(told: str | None) -> str | None:
    """Return the provider's message, if the runtime passes on its whole response."""
    try:
        body = json.loads(told or "")
    except ValueError:
        return told
    return body.get("message", told) if isinstance(body, dict) else told
