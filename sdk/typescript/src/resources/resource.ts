import { Listing, type Page } from "../listing.js";
import { type Call, path, type RequestOptions, type Transport } from "../transport.js";

/** A part of the API. */
export abstract class Resource {
  /** @internal */
  protected readonly transport: Transport;

  /** @internal */
  constructor(transport: Transport) {
    this.transport = transport;
  }

  /** Returns what is at a path; its parts are encoded.
   * @internal */
  protected read<T>(base: string, parts: (string | number)[], options: RequestOptions): Promise<T> {
    return this.transport.json({ method: "GET", path: path(base, ...parts) }, options);
  }

  /** @internal */
  protected send<T>(where: string, body: unknown, options: RequestOptions, more: Partial<Call> = {}): Promise<T> {
    return this.transport.json({ method: "POST", path: where, body, ...more }, options);
  }

  /** @internal */
  protected listed<Item, Whole extends Page<Item> = Page<Item>>(
    where: string,
    query: object,
    options: RequestOptions,
  ): Listing<Item, Whole> {
    return new Listing(this.transport, where, query, options);
  }
}
