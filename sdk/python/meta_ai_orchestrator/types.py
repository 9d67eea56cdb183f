"""What the gateway answers, and what is on topics, as typed objects that also read as mappings.

Written by `python -m tests.sdk.response_types` from the models of the gateway.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from meta_ai_orchestrator._client.model import EMPTY, Model

__all__ = [
    "Adapter",
    "Alternative",
    "AttemptView",
    "AuditEvent",
    "BudgetRow",
    "Candidate",
    "CheckedWorkflow",
    "ChunkPlace",
    "Citation",
    "ConfigView",
    "ConnectorView",
    "DeadLetterContent",
    "DeadLetterHeader",
    "DeadLetterRow",
    "Description",
    "DocumentState",
    "Failure",
    "Feedback",
    "FigureReport",
    "FigureRow",
    "Finding",
    "KeyCard",
    "ListedDocument",
    "ListedPrice",
    "ListedSource",
    "ModelCard",
    "Option",
    "PlannedChunk",
    "Queue",
    "ReplayedDeadLetter",
    "RequestedSync",
    "Result",
    "ResultChunk",
    "RunSummary",
    "RunView",
    "SentDocument",
    "ShownKey",
    "SignalView",
    "SourceState",
    "SpendReport",
    "SpendRow",
    "StepReport",
    "StepView",
    "SyncCounts",
    "SyncProblem",
    "TaskOutcome",
    "TaskRow",
    "TaskState",
    "TokenLogprob",
    "ToolCall",
    "Usage",
    "WorkflowChange",
    "WorkflowSummary",
    "WorkflowVersion",
]


class Adapter(Model):
    """An adapter as listed, without importing it.

    `source` is `built in`, or the package that brings it. `key` is the environment variable that its key may stand in.
    """

    name: str
    source: str
    dialect: str
    extra: str
    key: str


class Alternative(Model):
    """A token that might have stood in another's place, and its natural log-probability."""

    token: str
    logprob: float


class AttemptView(Model):
    """One request and its answer.

    `number` is that of the step's attempt, and `repair` counts re-asks after an answer that did not fit its schema.
    `at` and `until` are when request and answer were written to their topics; `seconds` is how long the work itself
    took. An answer is `late` if the step no longer waited for it; a request without an answer is `awaited` while the
    step runs; `batch` marks a request to a batch API. `name` is a model, a connector, a collection, or the id of a
    child run. `repaired` names what was repaired in the provider's answer.
    """

    id: str
    work: Literal["retrieval", "model", "fusion", "connector", "workflow"]
    name: str
    branch: str = ""
    number: int = 1
    repair: int = 0
    at: datetime | None = None
    until: datetime | None = None
    seconds: float | None = None
    awaited: bool = False
    late: bool = False
    chosen: bool = False
    cached: bool = False
    batch: bool = False
    tries: int = 1
    usage: Usage = EMPTY
    finish_reason: str = ""
    found: int | None = None
    plan: list[PlannedChunk] = EMPTY
    error: Failure | None = None
    text: str = ""
    repaired: list[str] = EMPTY


class AuditEvent(Model):
    """Who (`actor`) did what (`action`) to what (`subject`), and when (`at`)."""

    id: str
    at: datetime
    actor: str
    action: str
    subject: str
    details: dict[str, Any] = EMPTY


class BudgetRow(Model):
    """One budget, in US dollars: `runs` are the running ones that it pays for, `queue` counts those waiting."""

    budget: str
    limit: float
    spent: float = 0.0
    reserved: float = 0.0
    runs: int = 0
    queue: int = 0
    when_exceeded: Literal["refuse", "degrade", "queue"]
    renews_at: datetime


class Candidate(Model):
    """What one model answered to this task, chosen or not.

    With an `error`, `text` is what stands of an answer that was cut off. `reasoning` is what the model thought before,
    `tool_calls` what it wants called, and `downgraded` what was left out because it cannot do it. `repaired` names what
    was repaired in the provider's answer. `finish_reason` is why the model stopped (`stop`, `length`, `tool_calls` or
    `other`), and `logprobs` are there if they were asked for.
    """

    branch: str
    model: str
    text: str = ""
    chosen: bool = False
    usage: Usage = EMPTY
    seconds: float = 0.0
    error: Failure | None = None
    reasoning: str | None = None
    tool_calls: list[ToolCall] | None = None
    downgraded: (
        list[
            Literal[
                "batch",
                "images",
                "logprobs",
                "max_tokens",
                "reasoning_effort",
                "schema",
                "seed",
                "stop",
                "streaming",
                "temperature",
                "tools",
                "top_p",
            ]
        ]
        | None
    ) = None
    repaired: list[str] | None = None
    finish_reason: str | None = None
    logprobs: list[TokenLogprob] | None = None


class CheckedWorkflow(Model):
    """What a check has found: a workflow with only warnings can be deployed."""

    valid: bool
    problems: list[Finding]
    warnings: list[Finding]


class ChunkPlace(Model):
    """A chunk by its place: `lines` are its first and last line in the source, counted from 1."""

    id: str
    heading: str
    lines: list[int]


class Citation(Model):
    """A chunk that the answer was given: `number` is how the answer refers to it, as in [1]."""

    number: int
    document_id: str
    source: str
    heading: str = ""
    lines: list[int]


class ConfigView(Model):
    """The configuration as it applies to this gateway, in the form of its file; secrets are hidden."""

    config: dict[str, Any]


class ConnectorView(Model):
    """A connector that workflows can name; `headers` are the names of those that it sends, `timeout` is in seconds."""

    name: str
    kind: str
    built_in: bool = False
    url: str | None = None
    headers: list[str] = EMPTY
    timeout: float
    max_concurrency: int


class DeadLetterContent(Model):
    """A dead letter with the original: `value` is its text, or hexadecimal, and `value_base64` its very bytes."""

    id: str
    topic: str
    partition: int
    offset: int
    timestamp: datetime | None
    reason: str
    error: str
    agent: str
    key: str | None
    size: int
    whole: bool
    replayed: datetime | None
    headers: list[DeadLetterHeader]
    value: str | None
    value_base64: str | None


class DeadLetterHeader(Model):
    """A header of the original; what is no text is in hexadecimal."""

    name: str
    value: str | None


class DeadLetterRow(Model):
    """A dead letter: `id` is the place of the original, `reason` a stable code, `size` in bytes.

    Of one that is not `whole`, the broker took only a part.
    """

    id: str
    topic: str
    partition: int
    offset: int
    timestamp: datetime | None
    reason: str
    error: str
    agent: str
    key: str | None
    size: int
    whole: bool
    replayed: datetime | None


class Description(Model):
    """The description of an adapter; None is what only a configured model can tell."""

    adapter: Adapter
    summary: str
    features: (
        list[
            Literal[
                "batch",
                "images",
                "logprobs",
                "max_tokens",
                "reasoning_effort",
                "schema",
                "seed",
                "stop",
                "streaming",
                "temperature",
                "tools",
                "top_p",
            ]
        ]
        | None
    )
    options: list[Option] | None
    example: dict[str, Any]


class DocumentState(Model):
    """A document as it was sent last, and what has become of it.

    `status` is `pending` until it is cut and embedded, then `searchable`, or `empty` without visible text; `failed`
    with the `error` of its dead letter; or `deleted`. `chunks` are what is searchable now, also of its former version.
    `tenant` is whose it is, empty if all share it; `allowed_roles` are those that may find it, if not all may.
    """

    id: str
    status: Literal["pending", "searchable", "empty", "failed", "deleted"]
    collection: str
    sent_at: datetime | None = None
    ingested_at: datetime | None = None
    error: Failure | None = None
    chunks: list[ChunkPlace] = EMPTY
    tenant: str = ""
    allowed_roles: list[str] | None = None


class Failure(Model):
    """Why a piece of work did not succeed: a stable `code` for programs, a `message` for people."""

    code: str
    message: str


class Feedback(Model):
    """What `actor` thinks of the answer to a task: a `thumb`, a `score` from 0 to 1, or what would have been right.

    `tenant` is that of the task. Events with the same `id` are the same feedback, sent again.
    """

    id: str
    task_id: str
    at: datetime
    actor: str = ""
    tenant: str = ""
    thumb: Literal["up", "down"] | None = None
    score: float | None = None
    correction: Any = None
    comment: str = ""


class FigureReport(Model):
    """The figures of a window, the most active first; `queues` are as of now. `next` is the cursor of the next page."""

    by: Literal["workflow", "step", "model"]
    since: datetime | None
    until: datetime | None
    data: list[FigureRow]
    queues: list[Queue]
    next: str | None = None


class FigureRow(Model):
    """What one workflow, step or model has done in the window; times are in seconds, money in US dollars.

    `name` of a step is `workflow/step`. `rate` is per second. `errors` counts those that failed by their code, and
    `error_rate` is their share. A quantile may be 5 % off. `cost` includes that of what failed.
    """

    name: str
    count: int
    rate: float
    errors: dict[str, int]
    error_rate: float
    p50: float | None
    p95: float | None
    p99: float | None
    longest: float | None
    cost: float


class Finding(Model):
    """What is wrong, or looks wrong, at a key of a workflow, and how to fix it; `line` counts from 1."""

    at: str
    line: int | None = None
    message: str


class KeyCard(Model):
    """An API key without its secret; `prefix` is how it begins, `used_at` is right to about an hour."""

    id: str
    prefix: str
    owner: str
    tenant: str | None = None
    roles: list[str]
    workflows: list[str] | None = None
    models: list[str] | None = None
    requests_per_minute: int | None = None
    spend_limit: float | None = None
    spend_period: float
    created_at: datetime
    created_by: str
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    used_at: datetime | None = None


class ListedDocument(Model):
    """A document as its chunks show it: `title` is its first heading, empty without one.

    `tenant` is whose it is, empty if all share it; `allowed_roles` are those that may find it, if not all may.
    """

    id: str
    title: str
    source: str
    collection: str
    chunks: int
    ingested_at: datetime
    tenant: str = ""
    allowed_roles: list[str] | None = None


class ListedPrice(Model):
    """The price of a model, in US dollars per million tokens; unset unless `known`.

    `model` is the name in the configuration, or empty, `provider_model` the provider's.
    """

    model: str = ""
    provider: str
    provider_model: str
    known: bool
    input: float | None = None
    cached_input: float | None = None
    output: float | None = None
    reasoning: float | None = None
    as_of: str = ""
    source: str = ""


class ListedSource(Model):
    """A configured source, with its last sync or the one under way; `schedule` is in seconds."""

    name: str
    kind: str
    collection: str
    tenant: str = ""
    schedule: float | None = None
    documents: int = 0
    synced_at: datetime | None = None
    sync: SourceState | None = None


class ModelCard(Model):
    """Something that answers, in OpenAI's form: `owned_by` is the provider, or else what it is."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str


class Option(Model):
    """One key of a model's `options`."""

    name: str
    default: Any
    description: str


class PlannedChunk(Model):
    """What became of one of the chunks that were found, where they had to fit into `max_tokens`.

    It was `kept`, `cut` at the end of a sentence, `merged` into the chunk `into`, which continues it, or left out: as
    another repeats it (`repeated`), or as there was no more room (`no_room`). `tokens` is a bound of what it takes.
    """

    id: str
    outcome: Literal["kept", "cut", "merged", "repeated", "no_room"]
    into: str | None = None
    tokens: int = 0


class Queue(Model):
    """A topic that workers read: `waiting` are its events that are not finished, those in progress included."""

    topic: str
    waiting: int


class ReplayedDeadLetter(Model):
    """A dead letter that was replayed to its topic; `corrected` tells that its value was replaced."""

    id: str
    topic: str
    corrected: bool


class RequestedSync(Model):
    """A sync that was asked for; `GET` of `state` tells how far it is, once it has begun."""

    source: str
    sync: str
    status: Literal["pending"] = "pending"
    state: str


class Result(Model):
    """The outcome of one task: `answer`, or `error` when `status` is `failed`.

    `degraded` is true when an optional step failed, or when the answer rests on fewer candidates than
    were asked. `agreement` is how far the candidates agree, `confidence` how sure the fusion is of the answer
    (both 0 to 1); `groups` are the branches by their answers, the largest group first: more than one group
    is disagreement. `tool_calls` is what the answer wants called: its text may then be empty. `tenant` is that of
    the task, if it has one. `warnings` say what was ignored or changed in the task, such as a misspelt key.
    """

    task_id: str
    workflow: str
    workflow_version: int = 1
    status: Literal["succeeded", "failed", "cancelled"]
    answer: Any = None
    tool_calls: list[ToolCall] | None = None
    citations: list[Citation] = EMPTY
    candidates: list[Candidate] = EMPTY
    fusion: str = ""
    agreement: float | None = None
    confidence: float | None = None
    groups: list[list[str]] = EMPTY
    reason: str = ""
    degraded: bool = False
    error: Failure | None = None
    usage: Usage = EMPTY
    steps: list[StepReport] = EMPTY
    accepted_at: datetime
    finished_at: datetime
    metadata: dict[str, str] = EMPTY
    tenant: str | None = None
    warnings: list[str] | None = None


class ResultChunk(Model):
    """A piece of the answer of one step of a task, in the order in which it was made.

    A `stream` is one attempt at the answer, and its pieces have the `index` 0, 1, 2, … They follow the
    first `base` characters of the text so far of the same task and step: 0 when the answer starts over, all of it when
    it continues where another attempt was cut off. So a reader keeps the text up to `base` when a new stream
    begins, and appends; a piece whose index it has seen in that stream is a repetition. `kind` says what it is a piece
    of. The last piece of a stream has `end`, and an `error` when it was cut off: another stream may follow.
    What counts in the end is the task's result.
    """

    task_id: str
    step: str
    branch: str
    model: str
    request_id: str
    stream: str
    index: int
    base: int = 0
    kind: Literal["text", "reasoning"] = "text"
    text: str = ""
    end: bool = False
    finish_reason: str = ""
    error: Failure | None = None


class RunSummary(Model):
    """A run: `seconds` are those from its acceptance to its end, `cost` is in US dollars, `error` a code.

    A running run has none of them yet. `parent` is the run that has started it.
    """

    id: str
    workflow: str
    version: int | None = None
    status: Literal["running", "succeeded", "failed", "cancelled"]
    tenant: str
    parent: str
    accepted_at: datetime
    seconds: float | None = None
    tokens: int | None = None
    cost: float | None = None
    degraded: bool | None = None
    error: str | None = None


class RunView(Model):
    """The whole run; `at` is when it was read."""

    task_id: str
    workflow: str
    version: int = 0
    status: Literal["running", "succeeded", "failed", "cancelled"]
    waits: str = ""
    accepted_at: datetime | None = None
    deadline: datetime | None = None
    parent: str = ""
    at: datetime
    steps: list[StepView] = EMPTY
    signals: list[SignalView] = EMPTY
    result: Result | None = None


class SentDocument(Model):
    """A document that was sent; `GET` of `state` tells when it is searchable, or gone."""

    id: str
    status: Literal["pending"] = "pending"
    state: str


class ShownKey(Model):
    """A key that was just made: `key` is shown this once, and kept nowhere."""

    _secret = frozenset(["key"])

    id: str
    prefix: str
    owner: str
    tenant: str | None = None
    roles: list[str]
    workflows: list[str] | None = None
    models: list[str] | None = None
    requests_per_minute: int | None = None
    spend_limit: float | None = None
    spend_period: float
    created_at: datetime
    created_by: str
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    used_at: datetime | None = None
    key: str


class SignalView(Model):
    """A signal, and when it was received."""

    kind: str
    name: str
    actor: str
    at: datetime


class SourceState(Model):
    """The last sync of a source, or the one under way.

    `page` is the last one that was taken over, and `position` where the next begins, in the source's own form; the
    next sync of a source that only tells what is new begins there too. When all items were seen, those that are `gone`
    are deleted. `slot` is the period of the last scheduled sync.
    `problems` are the first of those that have `failed`. `pending` is the id of a sync that begins when this one ends.
    """

    source: str
    sync: str
    status: Literal["running", "succeeded", "failed"] = "running"
    trigger: Literal["schedule", "change", "command"] = "command"
    dry_run: bool = False
    full: bool = False
    actor: str = ""
    page: int = 0
    phase: Literal["items", "gone"] = "items"
    position: Any = None
    slot: int | None = None
    counts: SyncCounts = EMPTY
    problems: list[SyncProblem] = EMPTY
    documents: int = 0
    error: Failure | None = None
    started_at: datetime
    updated_at: datetime
    finished_at: datetime | None = None
    pending: str | None = None


class SpendReport(Model):
    """What was spent, most expensive first (days in order), the sum of all, and the cursor of the next page."""

    data: list[SpendRow]
    total: SpendRow
    next: str | None = None


class SpendRow(Model):
    """What the attempts of one group have used; money is in US dollars.

    `calls` are attempts that used tokens. `cached_input_tokens` are a part of `input_tokens`, `reasoning_tokens` of
    `output_tokens`. `unpriced_tokens` are those without a known price, `estimated_tokens` those that the provider did
    not count. `given_up` is the part of `cost` spent on answers that do not count, `saved` the original cost of answers
    from the response cache, `share` the part of the total cost.
    """

    by: Any
    name: str
    calls: int
    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    reasoning_tokens: int
    cost: float
    share: float
    given_up: float
    saved: float
    unpriced_tokens: int
    estimated_tokens: int


class StepReport(Model):
    """What a step took: `seconds` from `started_at` to its end, waiting on topics included.

    A step that never began has no `started_at`. `reason` says why it went as it did: which models were chosen
    and why, which branch, why it was skipped.
    """

    step: str
    kind: str
    status: Literal["succeeded", "failed", "skipped"]
    seconds: float
    started_at: datetime | None = None
    usage: Usage = EMPTY
    attempts: int = 1
    reason: str = ""
    error: Failure | None = None


class StepView(Model):
    """A step, or one item of a map, which is named `step[3]`.

    `status` is that of the result or the state; `waits` says what a running step waits for, other than requests.
    A step whose start is not recorded has no times.
    """

    name: str
    kind: str = ""
    status: str = "running"
    started_at: datetime | None = None
    ended_at: datetime | None = None
    seconds: float | None = None
    number: int = 1
    reason: str = ""
    waits: str = ""
    usage: Usage = EMPTY
    error: Failure | None = None
    attempts: list[AttemptView] = EMPTY


class SyncCounts(Model):
    """What a sync has met: `found` are all items; each is `sent`, `unchanged`, `deleted` or `failed`."""

    found: int = 0
    sent: int = 0
    unchanged: int = 0
    deleted: int = 0
    failed: int = 0


class SyncProblem(Model):
    """Why an item could not be taken over; it is tried again by the next sync."""

    item: str
    error: Failure


class TaskOutcome(Model):
    """What became of one task of a batch: it was accepted, and has an id, or it was refused, and has a problem.

    `line` counts the tasks from 1.
    """

    line: int
    status: str
    id: str | None = None
    result: str | None = None
    problem: dict[str, Any] | None = None


class TaskRow(Model):
    """A task: `status` is `accepted` until it has a result; `parent` is the task whose run has started it."""

    id: str
    workflow: str
    status: Literal["accepted", "succeeded", "failed", "cancelled"]
    tenant: str = ""
    parent: str = ""
    metadata: dict[str, str]
    accepted_at: datetime


class TaskState(Model):
    """A task that was accepted: `status` is `accepted` until it has a result, which is at `result`."""

    id: str
    status: Literal["accepted", "succeeded", "failed", "cancelled"]
    result: str


class TokenLogprob(Model):
    """A token of the answer, its natural log-probability, and the likeliest tokens in its place."""

    token: str
    logprob: float
    top: list[Alternative] = EMPTY


class ToolCall(Model):
    """A call that a model asks for; `arguments` is the JSON text as the model wrote it, which may not be valid."""

    id: str
    name: str
    arguments: str = ""


class Usage(Model):
    """Tokens as the provider counted them, and what they cost in US dollars by the configured prices.

    `cached_input_tokens` are those of `input_tokens` that the provider had read before, `cache_write_tokens` those of
    them that it stored to be read again, and `reasoning_tokens` those of `output_tokens` that are not in the text.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    reasoning_tokens: int = 0
    cache_write_tokens: int = 0
    cost: float = 0.0


class WorkflowChange(Model):
    """What a deployment changes: `version` is the one that new runs take then, `before` the one that they took.

    `diff` is the unified diff between both, as YAML.
    """

    workflow: str
    change: Literal["new", "version", "activate", "unchanged"]
    before: int | None
    version: int
    digest: str
    diff: str
    dry_run: bool
    warnings: list[Finding] = EMPTY


class WorkflowSummary(Model):
    """A deployed workflow: `version` is the active one; `input` is the JSON Schema of a task's input."""

    id: str
    version: int
    versions: list[int]
    description: str = ""
    input: dict[str, Any]


class WorkflowVersion(Model):
    """A version that is deployed; one that is built in has neither time nor actor."""

    version: int
    active: bool
    digest: str
    deployed_at: datetime | None = None
    actor: str = ""
