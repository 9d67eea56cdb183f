import { sleep } from "./alarm.js";
import { AnswerText } from "./answerText.js";
import { APIConnectionError, APIError, InvalidResponseError } from "./errors.js";
import { retryDelay } from "./retries.js";
import { type Call, parsed, path, type RequestOptions, type Transport } from "./transport.js";
import { NO_MORE, type ServerSentEvent } from "./sse.js";
import type { ResultChunk, TaskEvent, TaskResult } from "./types.js";

/**
 * A task's answer while it is made: `for await (const event of stream)` gets each piece, and then the result.
 *
 * If the connection is cut, it goes on after the last event, with none lost and none twice.
 */
export class TaskStream<Answer> implements AsyncIterable<TaskEvent<Answer>> {
  readonly #transport: Transport;
  readonly #task: string | (() => Promise<string>);
  readonly #options: RequestOptions;

  /** With a function, the task is sent by it, once.
   * @internal */
  constructor(transport: Transport, task: string | (() => Promise<string>), options: RequestOptions) {
    this.#transport = transport;
    this.#task = task;
    this.#options = options;
  }

  /** Returns the id of the task. */
  async taskId(): Promise<string> {
    return typeof this.#task === "string" ? this.#task : this.#task();
  }

  /** Reads to the end, and returns the result, also of a task that failed. */
  async result(): Promise<TaskResult<Answer>> {
    for await (const event of this) if (event.type === "result") return event.result;
    throw new APIConnectionError("the stream ended before the result");
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<TaskEvent<Answer>> {
    const id = await this.taskId();
    const texts = new Map<string, AnswerText>();
    for await (const event of this.#resumed(id)) {
      if (event.type === "result") yield { type: "result", result: parsed<TaskResult<Answer>>(event.data) };
      if (event.type !== "piece") continue;
      const piece = parsed<ResultChunk>(event.data);
      const text = texts.get(piece.step) ?? new AnswerText();
      texts.set(piece.step, text);
      text.add(piece);
      yield { type: "piece", piece, text: text.text };
    }
  }

  /** Yields each event once, up to the result, over as many connections as that takes. */
  async *#resumed(id: string): AsyncGenerator<ServerSentEvent> {
    const tries = this.#options.maxRetries ?? this.#transport.maxRetries;
    const sent = typeof this.#task !== "string";
    let last = "";
    let failures = 0;
    for (;;) {
      let failure: unknown = new APIConnectionError("the stream ended before the result");
      try {
        for await (const event of this.#transport.events(callOf(id, last), this.#options)) {
          if (event === NO_MORE) return;
          if (event && !isAfter(event.id, last)) continue;
          failures = 0; // it goes on
          if (!event) continue;
          last = event.id;
          yield event;
          if (event.type === "result") return;
        }
      } catch (error) {
        failure = error;
      }
      const delay = retryDelay(failure, failures, true) ?? (sent ? settling(failure) : undefined);
      if (delay === undefined || failures++ >= tries) throw failure;
      await sleep(delay, this.#options.signal);
    }
  }
}

/** Returns when to ask again for a task that another gateway has accepted, which this one may not know for a moment. */
export function settling(error: unknown): number | undefined {
  return error instanceof APIError && error.code === "unknown_task" ? 500 : undefined;
}

function callOf(id: string, last: string): Call {
  const headers = { accept: "text/event-stream", ...(last && { "last-event-id": last }) };
  return { method: "GET", path: path("/v1/tasks", id, "events"), headers };
}

/** The ids of pieces are numbers that grow. */
function isAfter(id: string, last: string): boolean {
  if (!/^(\d+|result)$/.test(id)) throw new InvalidResponseError("an event has no valid id");
  return last === "" || id === "result" || BigInt(id) > BigInt(last);
}
