import type { Listing } from "../listing.js";
import { path, type RequestOptions } from "../transport.js";
import type { KeyCard, KeyParams, Query, ShownKey } from "../types.js";
import { Resource } from "./resource.js";

/** API keys. */
export class Keys extends Resource {
  /** Creates a key. It is shown in this answer only, so there is no second attempt if the answer is lost. */
  create(key: KeyParams, options: RequestOptions = {}): Promise<ShownKey> {
    return this.send("/v1/keys", key, options, { repeatable: false });
  }

  /** Lists the keys, without their secrets. */
  list(query: Query<"/v1/keys"> = {}, options: RequestOptions = {}): Listing<KeyCard> {
    return this.listed("/v1/keys", query, options);
  }

  /** Returns what a key allows. */
  get(id: string, options: RequestOptions = {}): Promise<KeyCard> {
    return this.read("/v1/keys", [id], options);
  }

  /** Makes a new secret; the old one is accepted for `overlap` more seconds (86400 if absent). */
  rotate(id: string, params: { overlap?: number } = {}, options: RequestOptions = {}): Promise<ShownKey> {
    return this.send(path("/v1/keys", id, "rotate"), params, options, { repeatable: false });
  }

  /** Ends a key for ever. */
  revoke(id: string, options: RequestOptions = {}): Promise<KeyCard> {
    return this.send(path("/v1/keys", id, "revoke"), {}, options);
  }
}
