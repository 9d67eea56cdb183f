import type { Listing } from "../listing.js";
import { path, type RequestOptions } from "../transport.js";
import type {
  DeadLetterContent,
  DeadLetterPlace,
  DeadLetterRow,
  Query,
  ReplayedDeadLetter,
  ReplayParams,
} from "../types.js";
import { Resource } from "./resource.js";

/** Events that could not be processed. */
export class DeadLetters extends Resource {
  /** Lists the dead letters, newest first. */
  list(query: Query<"/v1/dead-letters"> = {}, options: RequestOptions = {}): Listing<DeadLetterRow> {
    return this.listed("/v1/dead-letters", query, options);
  }

  /** Returns the dead letter whose original is at a place, such as one of the list. */
  get(place: DeadLetterPlace, options: RequestOptions = {}): Promise<DeadLetterContent> {
    return this.read("/v1/dead-letters", [place.topic, place.partition, place.offset], options);
  }

  /** Sends the original again, or a corrected one in its place. */
  replay(
    place: DeadLetterPlace,
    correction: ReplayParams = {},
    options: RequestOptions = {},
  ): Promise<ReplayedDeadLetter> {
    const where = path("/v1/dead-letters", place.topic, place.partition, place.offset, "replay");
    return this.send(where, correction, options, { repeatable: false });
  }
}
