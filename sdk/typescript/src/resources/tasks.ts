import type { Listing } from "../listing.js";
import { APIUserAbortError, TaskCancelledError, TaskFailedError } from "../errors.js";
import { TaskBatch } from "../taskBatch.js";
import { TaskStream } from "../taskStream.js";
import { type Call, type IdempotentOptions, keyed, path, type RequestOptions, type Transport } from "../transport.js";
import type { BatchTask, JsonValue, Query, TaskParams, TaskResult, TaskRow, TaskState } from "../types.js";
import { Resource } from "./resource.js";
import { LONGEST_WAIT, type Results, type WaitOptions } from "./results.js";

/** What `tasks.run` and `runWorkflow` take besides the task. */
export type RunOptions = IdempotentOptions & WaitOptions;

/** Work for workflows. */
export class Tasks extends Resource {
  readonly #results: Results;

  /** @internal */
  constructor(transport: Transport, results: Results) {
    super(transport);
    this.#results = results;
  }

  /** Sends a task, and returns its id as soon as it is accepted. */
  create(task: TaskParams, options: IdempotentOptions = {}): Promise<TaskState> {
    return this.transport.json(submission(task, options), options);
  }

  /**
   * Sends a task, and returns its result.
   *
   * @throws TaskFailedError if it ends without an answer; WaitTimeoutError if it has not ended within `maxWait`.
   */
  async run<Answer = JsonValue>(task: TaskParams, options: RunOptions = {}): Promise<TaskResult<Answer>> {
    const began = Date.now();
    const wait = Math.min(LONGEST_WAIT, Math.ceil((options.maxWait ?? Infinity) / 1000));
    const call = { ...submission(task, options), wait };
    const { status, data } = await this.transport.answer<TaskResult<Answer> | TaskState>(call, options);
    const result =
      status === 200
        ? (data as TaskResult<Answer>)
        : await this.#awaited<Answer>(data as TaskState, task, options, began);
    if (result.status === "failed") throw new TaskFailedError(result);
    if (result.status === "cancelled") throw new TaskCancelledError(result);
    return result;
  }

  /** Returns what has become of a task. */
  get(id: string, options: RequestOptions = {}): Promise<TaskState> {
    return this.read("/v1/tasks", [id], options);
  }

  /** Lists tasks, newest first. */
  list(query: Query<"/v1/tasks"> = {}, options: RequestOptions = {}): Listing<TaskRow> {
    return this.listed("/v1/tasks", query, options);
  }

  /** Cancels the run of a task, and its child runs. */
  cancel(id: string, params: { reason?: string } = {}, options: RequestOptions = {}): Promise<TaskState> {
    return this.send(path("/v1/tasks", id, "cancel"), params, options);
  }

  /** Lets a run begin that waits for an approval, as a policy wants; not one whose task you have sent. */
  approve(id: string, params: { reason?: string } = {}, options: RequestOptions = {}): Promise<TaskState> {
    return this.send(path("/v1/tasks", id, "approve"), params, options);
  }

  /** Ends a run that waits for an approval. */
  reject(id: string, params: { reason?: string } = {}, options: RequestOptions = {}): Promise<TaskState> {
    return this.send(path("/v1/tasks", id, "reject"), params, options);
  }

  /** Sends a signal to the run of a task, such as an approval; the first of a name counts. */
  signal(id: string, name: string, payload?: unknown, options: RequestOptions = {}): Promise<TaskState> {
    return this.send(path("/v1/tasks", id, "signals", name), payload === undefined ? {} : { payload }, options);
  }

  /** Follows the answer to a task while it is made: to one that was sent, by its id, or to a new one. */
  stream<Answer = JsonValue>(task: string | TaskParams, options: IdempotentOptions = {}): TaskStream<Answer> {
    if (typeof task === "string") return new TaskStream(this.transport, task, options);
    let sent: Promise<TaskState> | undefined;
    return new TaskStream(this.transport, async () => (await (sent ??= this.create(task, options))).id, options);
  }

  /** Sends many tasks: as many as there are, since they are sent in requests of up to 1000. */
  batch(tasks: Iterable<BatchTask> | AsyncIterable<BatchTask>, options: RequestOptions = {}): TaskBatch {
    return new TaskBatch(this.transport, tasks, options);
  }

  async #awaited<Answer>(
    { id }: TaskState,
    task: TaskParams,
    options: RunOptions,
    began: number,
  ): Promise<TaskResult<Answer>> {
    try {
      return await this.#results.waitOn<Answer>(id, options, began, true);
    } catch (error) {
      // The gateway sees only in the request that sends a task whether its client goes away.
      const gone = error instanceof APIUserAbortError && task.on_disconnect === "cancel";
      if (gone) await this.cancel(id, {}, { maxRetries: 0 }).catch(() => undefined);
      throw error;
    }
  }
}

function submission(body: TaskParams, options: IdempotentOptions): Call {
  return { method: "POST", path: "/v1/tasks", body, headers: keyed(options) };
}
