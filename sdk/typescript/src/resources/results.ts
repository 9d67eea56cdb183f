import { sleep } from "../alarm.js";
import { WaitTimeoutError } from "../errors.js";
import { settling } from "../taskStream.js";
import { path, type RequestOptions } from "../transport.js";
import type { JsonValue, TaskResult } from "../types.js";
import { Resource } from "./resource.js";

/** Seconds for which one request waits: proxies take a longer one for dead. */
export const LONGEST_WAIT = 30;
const BETWEEN = 1000;
const SETTLED = 5000;

export interface WaitOptions extends RequestOptions {
  /** Milliseconds to wait for the result, to about a second. Default: until there is one. */
  maxWait?: number | undefined;
}

/** The results of tasks. */
export class Results extends Resource {
  /** Returns the result of a task, or null while there is none. */
  async get<Answer = JsonValue>(id: string, options: RequestOptions = {}): Promise<TaskResult<Answer> | null> {
    return this.#asked(id, undefined, options);
  }

  /**
   * Returns the result of a task when there is one, also of a task that failed.
   *
   * @throws WaitTimeoutError if there is none within `maxWait`.
   */
  async wait<Answer = JsonValue>(id: string, options: WaitOptions = {}): Promise<TaskResult<Answer>> {
    return this.waitOn(id, options, Date.now(), false);
  }

  /** As `wait`, from a moment on; `sent` says that the task was accepted just now.
   * @internal */
  async waitOn<Answer>(id: string, options: WaitOptions, began: number, sent: boolean): Promise<TaskResult<Answer>> {
    const limit = options.maxWait ?? Infinity;
    for (let now = Date.now(); now - began < limit; now = Date.now()) {
      const wait = Math.min(LONGEST_WAIT, Math.ceil((limit - (now - began)) / 1000));
      try {
        const result = await this.#asked<Answer>(id, wait, options);
        if (result) return result;
      } catch (error) {
        if (!sent || now - began > SETTLED || settling(error) === undefined) throw error;
      }
      // Something in between does not wait as it was asked to.
      const early = Date.now() - now < (wait * 1000) / 2;
      if (early) await sleep(Math.min(BETWEEN, limit - (now - began)), options.signal);
    }
    throw new WaitTimeoutError(id, limit);
  }

  async #asked<Answer>(
    id: string,
    wait: number | undefined,
    options: RequestOptions,
  ): Promise<TaskResult<Answer> | null> {
    const call = { method: "GET", path: path("/v1/results", id), wait } as const;
    const { status, data } = await this.transport.answer<TaskResult<Answer>>(call, options);
    return status === 200 ? data : null;
  }
}
