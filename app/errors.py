"""Every error that the orchestrator raises on purpose.

OrchestratorError                 anything below; `code` names it in results and dead letters
├── ConfigurationError            a setting or file is wrong; the message says how to fix it
├── MissingDependency             an optional package is absent; the message is the command that installs it
├── BrokerError                   the broker cannot be started, reached or used
├── InvalidEvent                  an event does not have the form of its topic: it goes to dead letters
├── PoisonEvent                   workers died, again and again, while they processed the event
├── WorkflowError                 a run cannot go on
│   ├── UnknownWorkflow           the task names a workflow that is not deployed
│   ├── DeadlineExceeded          the run's deadline passed before it had enough to answer
│   ├── QuorumNotMet              fewer usable candidates than the fusion needs
│   ├── PromptError               a prompt template cannot be rendered with this input
│   ├── ExpressionError           an expression cannot be evaluated on this input
│   ├── InvalidInput              the task's input is not valid against the workflow's schema
│   ├── InvalidOutput             an answer is not valid against its schema
│   ├── NoModel                   no model qualifies for a step
│   ├── BudgetExceeded            a budget has no money left for the run
│   ├── ResidencyError            a tenant is bound to regions, and this would leave them
│   ├── NotApproved               a policy wanted an approval, and there was none in time, or a rejection
│   └── Cancelled                 the run was told to end
├── RetrievalError                the retriever failed
├── UnreadableDocument            a document cannot be read, or goes beyond a limit
├── SourceError                   a source of documents cannot give one, or any
│   └── SourceUnavailable         it cannot be reached, or is too busy: a later try may succeed
├── WebhookError                  a webhook could not be called; has `retryable`, `retry_after`
├── ConnectorError                a connector could not do what a step asked; has `status`
│   ├── ConnectorUnavailable      it cannot be reached, or is too busy: a later try may succeed
│   └── ConnectorTimeout          no answer within the time allowed
└── ModelError                    a model call failed; has `provider`, `status`, `retry_after`
    ├── RateLimited               429: try again after `retry_after` seconds
    ├── Overloaded                503, 529: the provider is too busy
    ├── Unavailable               the provider cannot be reached, or answers 5xx, or cut the stream
    ├── ModelTimeout              no answer within the time allowed
    ├── Unauthorized              401, 403: the credentials are wrong
    ├── InvalidRequest            400, 404, 422: the request itself is wrong; a retry cannot help
    ├── ContentFiltered           the provider refused the content
    ├── EmptyAnswer               the answer has neither text nor tool calls
    ├── BatchExpired              the provider did not get to the request in the time that a batch has
    ├── BatchFailed               the batch ended without an answer to the request
    └── CallCancelled             the run was cancelled while the model was answering
"""

from __future__ import annotations

from typing import Any, ClassVar


class OrchestratorError(Exception):
    """Base of all; `code` is the stable name that results, dead letters and metrics carry."""

    code: ClassVar[str] = "internal"
    #: Whether the same work may succeed later without a change.
    transient: ClassVar[bool] = False


class ConfigurationError(OrchestratorError):
    """A setting or a file is invalid; the message names the key and the line, and says how to fix it."""

    code = "configuration"


class MissingDependency(OrchestratorError):
    """An optional package is absent; the message is the command that installs it."""

    code = "missing_dependency"


class BrokerError(OrchestratorError):
    """The broker cannot be started, reached or used."""

    code = "broker"


class InvalidEvent(OrchestratorError):
    """An event does not have the form of its topic; `reason` is the dead letter's reason."""

    code = "invalid_event"

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class PoisonEvent(OrchestratorError):
    """Workers died, again and again, while they processed the event."""

    code = "poison"


class WorkflowError(OrchestratorError):
    """A run cannot go on."""

    code = "workflow"


class UnknownWorkflow(WorkflowError):
    """The task names a workflow that is not deployed."""

    code = "unknown_workflow"


class DeadlineExceeded(WorkflowError):
    """The run's deadline passed before it had enough to answer."""

    code = "deadline_exceeded"


class QuorumNotMet(WorkflowError):
    """Fewer usable candidates than the fusion needs."""

    code = "quorum_not_met"


class PromptError(WorkflowError):
    """A prompt template cannot be rendered with this input."""

    code = "prompt"


class ExpressionError(WorkflowError):
    """An expression cannot be evaluated on this input."""

    code = "expression"


class InvalidInput(WorkflowError):
    """The task's input is not valid against the workflow's schema."""

    code = "invalid_input"


class InvalidOutput(WorkflowError):
    """An answer is not valid against its schema."""

    code = "invalid_output"


class NoModel(WorkflowError):
    """No model qualifies for a step."""

    code = "no_model"


class BudgetExceeded(WorkflowError):
    """A budget has no money left for the run."""

    code = "budget_exceeded"


class ResidencyError(WorkflowError):
    """A tenant is bound to regions, and this would leave them."""

    code = "residency"


class NotApproved(WorkflowError):
    """A policy wanted an approval, and there was none in time, or a rejection."""

    code = "not_approved"


class Cancelled(WorkflowError):
    """The run was told to end."""

    code = "cancelled"


class RetrievalError(OrchestratorError):
    """The retriever failed."""

    code = "retrieval"
    transient = True


class UnreadableDocument(OrchestratorError):
    """A document is damaged, is not of the format that it claims, or goes beyond a limit."""

    code = "unreadable_document"


class WebhookError(OrchestratorError):
    """A webhook could not be called.

    A `retryable` one may be called later, and after `retry_after` seconds if the receiver has said so.
    """

    code = "webhook"

    def __init__(self, message: str, *, retryable: bool = False, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.retry_after = retry_after


class SourceError(OrchestratorError):
    """A source cannot give a document, or is not what its settings say; the message says how to fix it."""

    code = "source"


class SourceUnavailable(SourceError):
    """A source cannot be reached, or is too busy: a later try may succeed."""

    code = "source_unavailable"
    transient = True


class ConnectorError(OrchestratorError):
    """A connector could not do what a step asked; `status` is the HTTP status where there was one."""

    code = "connector"

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class ConnectorUnavailable(ConnectorError):
    """It cannot be reached, is too busy or answers 5xx: a later try may succeed."""

    code = "connector_unavailable"
    transient = True


class ConnectorTimeout(ConnectorError):
    """No answer within the time allowed."""

    code = "timeout"
    transient = True


class ModelError(OrchestratorError):
    """A model call failed.

    `provider` is the adapter's name, `status` the HTTP status where there was one, and
    `retry_after` the seconds that the provider asked to wait. `answer` is the answer that has to be paid for though it
    does not count (an `app.models.base.Completion`), where there was one: see `app.models.paid`. What was not `sent`
    never reached the provider.
    """

    code = "model"
    answer: Any = None
    sent: bool = True

    def __init__(
        self,
        message: str,
        *,
        provider: str = "",
        status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.provider = provider
        self.status = status
        self.retry_after = retry_after


class RateLimited(ModelError):
    """429: try again after `retry_after` seconds."""

    code = "rate_limited"
    transient = True


class Overloaded(ModelError):
    """503 or 529: the provider is too busy."""

    code = "overloaded"
    transient = True


class Unavailable(ModelError):
    """The provider cannot be reached, answers 5xx, or cut its answer off."""

    code = "unavailable"
    transient = True


class ModelTimeout(ModelError):
    """No answer within the time allowed."""

    code = "timeout"
    transient = True


class Unauthorized(ModelError):
    """401 or 403: the credentials are wrong."""

    code = "unauthorized"


class InvalidRequest(ModelError):
    """400, 404 or 422: the request itself is wrong; a retry cannot help."""

    code = "invalid_request"


class ContentFiltered(ModelError):
    """The provider refused the content."""

    code = "content_filtered"


class EmptyAnswer(ModelError):
    """The answer has neither text nor tool calls: nothing, white space, or reasoning only."""

    code = "empty_answer"


class BatchExpired(ModelError):
    """The provider did not get to the request in the time that a batch has."""

    code = "batch_expired"
    transient = True


class BatchFailed(ModelError):
    """The batch was refused, cancelled or lost, or ended without an answer to the request."""

    code = "batch_failed"
    transient = True


class CallCancelled(ModelError):
    """The run was cancelled while the model was answering."""

    code = "cancelled"


#: The codes of the errors above.
ERROR_CODES = frozenset(
    error.code for error in list(vars().values()) if isinstance(error, type) and issubclass(error, OrchestratorError)
)
