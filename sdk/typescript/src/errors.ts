/**
 * The errors of this package:
 *
 *     MetaAIError
 *     ├── APIError                      the gateway refused a request: `status`, `code`, `detail`, `requestId`
 *     │   ├── BadRequestError           400
 *     │   ├── AuthenticationError       401: there are no credentials, or nobody has these
 *     │   ├── PermissionDeniedError     403
 *     │   ├── NotFoundError             404
 *     │   ├── ConflictError             409
 *     │   ├── UnprocessableEntityError  422: a field is invalid, and `errors` lists all
 *     │   ├── RateLimitError            429: `retryAfter` says when to try again
 *     │   └── InternalServerError       500 and above
 *     ├── APIConnectionError            there was no answer, or it was cut off
 *     │   └── APITimeoutError           there was no answer in time
 *     ├── APIUserAbortError             your `AbortSignal` ended it
 *     ├── InvalidResponseError          an answer that cannot be read
 *     ├── TaskFailedError               a task ended without an answer: `result` has the whole result
 *     │   └── TaskCancelledError        somebody ended its run
 *     ├── WaitTimeoutError              a task had no result in time; it goes on: `taskId`
 *     └── WebhookVerificationError      a webhook whose signature is not right
 */

import type { Failure, Problem, ProblemPlace } from "./generated.js";
import type { TaskResult } from "./types.js";

/** All errors that this package throws by intention. */
export class MetaAIError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The gateway refused a request. */
export class APIError extends MetaAIError {
  /** The status of the HTTP response. */
  readonly status: number;
  /** For programs: the stable code of the problem; undefined if something other than the gateway answered. */
  readonly code: string | undefined;
  /** For people: what is wrong, and how to fix it. */
  readonly detail: string;
  /** The id to give when you ask the operators about it. */
  readonly requestId: string | undefined;
  /** The fields that are invalid, where there are any. */
  readonly errors: ProblemPlace[];
  /** Seconds after which to try again, if the answer said so. */
  readonly retryAfter: number | undefined;
  readonly headers: Headers;

  constructor(status: number, headers: Headers, problem: Partial<Problem>) {
    const detail = problem.detail ?? `HTTP ${status}`;
    const requestId = problem.request_id ?? headers.get("x-request-id") ?? undefined;
    super(`${status} ${problem.code ?? "error"}: ${detail}${requestId ? ` (request ${requestId})` : ""}`);
    this.status = status;
    this.code = problem.code;
    this.detail = detail;
    this.requestId = requestId;
    this.errors = problem.errors ?? [];
    this.retryAfter = secondsOf(headers.get("retry-after"));
    this.headers = headers;
  }

  /** Returns the error of a response. */
  static async of(response: Response): Promise<APIError> {
    const Kind = KINDS[response.status] ?? (response.status >= 500 ? InternalServerError : APIError);
    return new Kind(
      response.status,
      response.headers,
      problemOf(await response.text().catch(() => ""), response.status),
    );
  }
}

export class BadRequestError extends APIError {}
export class AuthenticationError extends APIError {}
export class PermissionDeniedError extends APIError {}
export class NotFoundError extends APIError {}
export class ConflictError extends APIError {}
export class UnprocessableEntityError extends APIError {}
export class RateLimitError extends APIError {}
export class InternalServerError extends APIError {}

/** There was no answer, or it was cut off; `cause` is the error of `fetch`. */
export class APIConnectionError extends MetaAIError {}

/** There was no answer within `timeout`. */
export class APITimeoutError extends APIConnectionError {}

/** Your `AbortSignal` ended it; `cause` is the signal's reason. */
export class APIUserAbortError extends MetaAIError {}

/** An answer that cannot be read, such as the page of a proxy. */
export class InvalidResponseError extends MetaAIError {}

/** A task ended without an answer. */
export class TaskFailedError extends MetaAIError {
  /** For programs: the code of the run's error. */
  readonly code: string;
  readonly taskId: string;
  readonly result: TaskResult<unknown>;

  constructor(result: TaskResult<unknown>) {
    const failure: Failure = result.error ?? { code: result.status, message: "the result has no answer" };
    super(`task ${result.task_id} ${result.status}: ${failure.code}: ${failure.message}`);
    this.code = failure.code;
    this.taskId = result.task_id;
    this.result = result;
  }
}

/** Somebody ended the run of a task. */
export class TaskCancelledError extends TaskFailedError {}

/** A task had no result within `maxWait`. It goes on: `client.results.wait(error.taskId)` waits again. */
export class WaitTimeoutError extends MetaAIError {
  readonly taskId: string;

  constructor(taskId: string, milliseconds: number) {
    super(`task ${taskId} had no result within ${milliseconds} ms; it goes on, so wait for it again`);
    this.taskId = taskId;
  }
}

/** A webhook whose signature is not right: do not trust its body. */
export class WebhookVerificationError extends MetaAIError {}

const KINDS: Record<number, typeof APIError> = {
  400: BadRequestError,
  401: AuthenticationError,
  403: PermissionDeniedError,
  404: NotFoundError,
  409: ConflictError,
  422: UnprocessableEntityError,
  429: RateLimitError,
};

function problemOf(text: string, status: number): Partial<Problem> {
  try {
    const said: unknown = JSON.parse(text);
    if (isProblem(said)) return { ...said, errors: Array.isArray(said.errors) ? said.errors : null };
  } catch {
    // What a proxy says is for people at most.
  }
  if (status < 400) return { detail: "redirects are not followed; set baseURL to where the gateway is" };
  return { detail: `HTTP ${status}, and not from the gateway: is baseURL right?` };
}

function isProblem(value: unknown): value is Problem {
  if (typeof value !== "object" || value === null) return false;
  return ["code", "detail"].every((name) => typeof (value as Record<string, unknown>)[name] === "string");
}

/** Returns the seconds that a `Retry-After` asks for, as a number or as a date. */
function secondsOf(value: string | null): number | undefined {
  if (!value?.trim()) return undefined;
  const seconds = /^\s*\d+(\.\d+)?\s*$/.test(value) ? Number(value) : (Date.parse(value) - Date.now()) / 1000;
  return Number.isNaN(seconds) ? undefined : Math.max(0, seconds);
}
