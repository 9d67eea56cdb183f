import type { Listing } from "../listing.js";
import { type IdempotentOptions, keyed, path, type RequestOptions } from "../transport.js";
import type { Feedback, FeedbackParams, Query } from "../types.js";
import { Resource } from "./resource.js";

/** What answers are worth. */
export class Feedbacks extends Resource {
  /** Says what an answer is worth: a `thumb`, a `score`, a `correction` or a `comment`. */
  create(feedback: FeedbackParams, options: IdempotentOptions = {}): Promise<Feedback> {
    return this.send("/v1/feedback", feedback, options, { headers: keyed(options) });
  }

  /** Lists all feedback, newest first. */
  list(query: Query<"/v1/feedback"> = {}, options: RequestOptions = {}): Listing<Feedback> {
    return this.listed("/v1/feedback", query, options);
  }

  /** Lists the feedback on one task, oldest first. */
  listForTask(
    taskId: string,
    query: Query<"/v1/tasks/{task_id}/feedback"> = {},
    options: RequestOptions = {},
  ): Listing<Feedback> {
    return this.listed(path("/v1/tasks", taskId, "feedback"), query, options);
  }
}
