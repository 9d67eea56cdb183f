"""How the requests of one topic are answered: where, under which id, and with which error when nothing came of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from app.delivery.envelope import Outgoing, Received
from app.errors import OrchestratorError
from topics.base import Event, Failure, Topic

Request = TypeVar("Request", bound=Event)
Response = TypeVar("Response", bound=Event)


@dataclass(frozen=True, slots=True)
class Responder(Generic[Request, Response]):
    """Answers `requests` on the topic `responses` with events of the type `response`.

    `identity` names the fields that a response repeats of its request; `suffix` ends the id of the answering event,
    and `failure_message` is what a run is told when the handler itself has failed.
    """

    requests: Topic[Request]
    responses: Topic[Response]
    response: type[Response]
    suffix: str
    failure_message: str
    identity: tuple[str, ...] = ("id", "task_id", "step")

    def response_id(self, received: Received[Request]) -> str:
        """Return the id of the event that answers this request: the same whenever it is answered again."""
        return f"{received.event.id}/{self.suffix}"  # type: ignore[attr-defined]  # every request has an id

    def outgoing(self, received: Received[Request], response: Response) -> Sequence[Outgoing]:
        """Return the one event that answers this request, in the request's own partition."""
        key: str = response.task_id  # type: ignore[attr-defined]  # every response names its task
        return [Outgoing(self.responses, key, response, self.response_id(received), received.partition)]

    def make(self, request: Request, **fields: Any) -> Response:
        """Return the response to a request with these fields."""
        return self.response(**self._identity(request), **fields)

    def failure(self, request: Request, code: str, message: str) -> Response:
        """Return the response that says why there is no other."""
        return self.make(request, error=Failure(code=code, message=message))

    def failed(self, received: Received[Request], error: Exception) -> Sequence[Outgoing]:
        """Tell the run that its request has failed for good; the error itself is in the dead letter."""
        code = error.code if isinstance(error, OrchestratorError) else "internal"
        return self.outgoing(received, self.failure(received.event, code, self.failure_message))

    def reused(self, response: Response, request: Request, **changes: Any) -> Response:
        """Return the response to another request as the response to this one."""
        return response.model_copy(update={**self._identity(request), **changes})

    def _identity(self, request: Request) -> dict[str, Any]:
        return {name: getattr(request, name) for name in self.identity}
