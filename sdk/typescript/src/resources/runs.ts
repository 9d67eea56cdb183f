import { Listing } from "../listing.js";
import { path, type RequestOptions, type Transport } from "../transport.js";
import type { Query, RunSummary, RunView } from "../types.js";

/** What the runs of tasks have done. */
export class Runs {
  readonly #transport: Transport;

  /** @internal */
  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Lists runs, newest first, with duration, tokens, cost and error. */
  list(query: Query<"/v1/runs"> = {}, options: RequestOptions = {}): Listing<RunSummary> {
    return new Listing(this.#transport, "/v1/runs", query, options);
  }

  /** Returns the run of a task step by step. */
  get(taskId: string, options: RequestOptions = {}): Promise<RunView> {
    return this.#transport.json({ method: "GET", path: path("/v1/runs", taskId) }, options);
  }
}
