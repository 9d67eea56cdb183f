import type { Listing } from "../listing.js";
import type { RequestOptions } from "../transport.js";
import type { Query, RunSummary, RunView } from "../types.js";
import { Resource } from "./resource.js";

/** What the runs of tasks have done. */
export class Runs extends Resource {
  /** Lists runs, newest first, with duration, tokens, cost and error. */
  list(query: Query<"/v1/runs"> = {}, options: RequestOptions = {}): Listing<RunSummary> {
    return this.listed("/v1/runs", query, options);
  }

  /** Returns the run of a task step by step. */
  get(taskId: string, options: RequestOptions = {}): Promise<RunView> {
    return this.read("/v1/runs", [taskId], options);
  }
}
