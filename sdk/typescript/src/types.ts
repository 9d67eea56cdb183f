/** What is sent and received; most types are those of the gateway's OpenAPI document. */

import type * as generated from "./generated.js";

export type JsonValue = string | number | boolean | null | JsonValue[] | { [name: string]: JsonValue };

/** What became of a task; `answer` is what its workflow makes. */
export type TaskResult<Answer = JsonValue> = Omit<generated.Result, "answer"> & { answer: Answer };

/** A task to send. */
export type TaskParams = Omit<generated.TaskRequest, "input"> & {
  /** What the workflow gets; by its schema, if it has one. */
  input: object;
};

/** A task of a batch; with a key of your own, it can be sent again safely. */
export type BatchTask = TaskParams & { idempotency_key?: string };

/** What became of a task of a batch; `line` counts from 1. */
export type BatchOutcome =
  | { line: number; status: "accepted"; id: string; result: string }
  | { line: number; status: "refused"; problem: BatchProblem };

export type BatchProblem = Pick<generated.Problem, "status" | "code" | "detail" | "errors">;

/** A piece of an answer of one step, while it is made: an event of the topic `result-chunks`. */
export interface ResultChunk {
  task_id: string;
  step: string;
  branch: string;
  model: string;
  request_id: string;
  /** One attempt at the answer; `index` counts its pieces, and `base` is the length of the text that it goes on from. */
  stream: string;
  index: number;
  base: number;
  kind: "text" | "reasoning";
  text: string;
  /** The last piece of its stream. */
  end: boolean;
  finish_reason: string;
  error?: generated.Failure;
}

/** What a stream has: pieces, and in the end the result. `text` is the answer of the piece's step so far. */
export type TaskEvent<Answer = JsonValue> =
  { type: "piece"; piece: ResultChunk; text: string } | { type: "result"; result: TaskResult<Answer> };

/** A workflow as it was deployed. */
export type WorkflowSpec = { id: string; [field: string]: JsonValue };

/** Where a dead letter's original is. */
export type DeadLetterPlace = Pick<generated.DeadLetterRow, "topic" | "partition" | "offset">;

/** What a webhook brings. */
export interface WebhookEvent<Answer = JsonValue> {
  type: "task.succeeded" | "task.failed" | "task.cancelled";
  timestamp: string;
  /** The result without candidates and steps; with `partial`, only the outcome, and the rest is at `results.get`. */
  data: TaskResult<Answer> & { partial?: boolean };
}

/** The query of a list. */
export type Query<Path extends keyof generated.paths> = generated.paths[Path] extends {
  get: { parameters: { query?: infer Fields } };
}
  ? NonNullable<Fields>
  : never;

export type {
  Adapter,
  AuditEvent,
  BudgetRow,
  Candidate,
  CheckedWorkflow,
  Citation,
  ConfigView,
  ConnectorView,
  ListedSource,
  RequestedSync,
  SourceState,
  DeadLetterContent,
  DeadLetterRow,
  Description as AdapterDescription,
  DocumentRequest as DocumentParams,
  DocumentState,
  Failure,
  Feedback,
  FeedbackRequest as FeedbackParams,
  FigureReport,
  FigureRow,
  Finding,
  KeyCard,
  KeyRequest as KeyParams,
  ListedDocument,
  ListedPrice,
  ModelCard,
  Problem,
  ProblemPlace,
  Queue,
  ReplayedDeadLetter,
  ReplayRequest as ReplayParams,
  RunSummary,
  RunView,
  SentDocument,
  ShownKey,
  SpendReport,
  SpendRow,
  StepReport,
  StepView,
  TaskRow,
  TaskState,
  ToolCall,
  Usage,
  WorkflowChange,
  WorkflowSummary,
  WorkflowVersion,
} from "./generated.js";
