import { InvalidResponseError } from "./errors.js";
import { parsed, type RequestOptions, type Transport } from "./transport.js";
import type { BatchOutcome, BatchTask } from "./types.js";

const MOST_LINES = 1000;
/** Characters of one request, so that memory is bounded however many tasks there are. */
const MOST_TEXT = 4 * 1024 * 1024;

/**
 * Many tasks: `for await (const outcome of batch)` tells what became of each, in their order, and `await batch` returns all
 * outcomes. A task that is refused holds up no other.
 */
export class TaskBatch implements AsyncIterable<BatchOutcome>, PromiseLike<BatchOutcome[]> {
  readonly #transport: Transport;
  readonly #tasks: Iterable<BatchTask> | AsyncIterable<BatchTask>;
  readonly #options: RequestOptions;

  /** @internal */
  constructor(transport: Transport, tasks: Iterable<BatchTask> | AsyncIterable<BatchTask>, options: RequestOptions) {
    this.#transport = transport;
    this.#tasks = tasks;
    this.#options = options;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<BatchOutcome> {
    let lines: string[] = [];
    let [sent, size] = [0, 0];
    for await (const task of this.#tasks) {
      // A key for each, so that a request can be made again.
      const line = JSON.stringify({ ...task, idempotency_key: task.idempotency_key ?? crypto.randomUUID() });
      if (lines.length === MOST_LINES || (lines.length && size + line.length > MOST_TEXT)) {
        yield* this.#outcomes(lines, sent);
        sent += lines.length;
        [lines, size] = [[], 0];
      }
      lines.push(line);
      size += line.length;
    }
    if (lines.length) yield* this.#outcomes(lines, sent);
  }

  then<A = BatchOutcome[], B = never>(
    done?: ((outcomes: BatchOutcome[]) => A | PromiseLike<A>) | null,
    failed?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#all().then(done, failed);
  }

  async #all(): Promise<BatchOutcome[]> {
    const found: BatchOutcome[] = [];
    for await (const outcome of this) found.push(outcome);
    return found;
  }

  /** Sends lines; those that the gateway has not read are sent again, as long as it reads some. */
  async *#outcomes(lines: string[], before: number): AsyncGenerator<BatchOutcome> {
    for (let known = 0; known < lines.length;) {
      const answer = await this.#transport.text(
        {
          method: "POST",
          path: "/v1/tasks/batch",
          contentType: "application/x-ndjson",
          body: lines.slice(known).join("\n") + "\n",
          headers: { accept: "application/x-ndjson" },
        },
        this.#options,
      );
      const outcomes = answer
        .split("\n")
        .filter(Boolean)
        .map((line) => parsed<BatchOutcome>(line));
      if (!outcomes.length || outcomes.length > lines.length - known)
        throw new InvalidResponseError(`the answer has ${outcomes.length} outcomes for ${lines.length - known} tasks`);
      for (const outcome of outcomes) yield { ...outcome, line: before + ++known };
    }
  }
}
