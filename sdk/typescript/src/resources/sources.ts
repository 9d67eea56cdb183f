import type { Listing } from "../listing.js";
import { path, type RequestOptions } from "../transport.js";
import type { ListedSource, Query, RequestedSync, SourceState } from "../types.js";
import { Resource } from "./resource.js";

/** Where documents are synced from. */
export class Sources extends Resource {
  /** Lists the configured sources, with the last sync of each. */
  list(query: Query<"/v1/sources"> = {}, options: RequestOptions = {}): Listing<ListedSource> {
    return this.listed("/v1/sources", query, options);
  }

  /** Has a source synced; `state` tells how far that is. */
  sync(
    source: string,
    how: { dry_run?: boolean; full?: boolean } = {},
    options: RequestOptions = {},
  ): Promise<RequestedSync> {
    return this.send(path("/v1/sources", source, "sync"), how, options);
  }

  /** Returns the last sync of a source, or the one under way. */
  state(source: string, options: RequestOptions = {}): Promise<SourceState> {
    return this.read("/v1/sources", [source, "sync"], options);
  }
}
