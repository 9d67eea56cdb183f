import type { Listing } from "../listing.js";
import type { RequestOptions } from "../transport.js";
import type { AuditEvent, FigureReport, FigureRow, Query } from "../types.js";
import { Resource } from "./resource.js";

/** How fast and how well answers are made. */
export class Metrics extends Resource {
  /** Lists rate, latency, errors and cost in a `window`, `by` workflow, step or model; a page has the `queues`. */
  query(query: Query<"/v1/metrics/query"> = {}, options: RequestOptions = {}): Listing<FigureRow, FigureReport> {
    return this.listed("/v1/metrics/query", query, options);
  }
}

/** Who did what. */
export class Audit extends Resource {
  /** Lists the audit, newest first. */
  list(query: Query<"/v1/audit"> = {}, options: RequestOptions = {}): Listing<AuditEvent> {
    return this.listed("/v1/audit", query, options);
  }
}
