import type { Call, RequestOptions, Transport } from "./transport.js";

/** A page of a list. */
export interface Page<Item> {
  data: Item[];
  /** The cursor of the next page, if there is one. */
  next?: string | null;
}

/**
 * A list that comes in pages: `for await (const item of list)` goes through all of it, `await list` is the first page, and
 * `list.pages()` yields each page.
 */
export class Listing<Item, Whole extends Page<Item> = Page<Item>> implements AsyncIterable<Item>, PromiseLike<Whole> {
  readonly #transport: Transport;
  readonly #call: Call;
  readonly #options: RequestOptions;

  /** @internal */
  constructor(transport: Transport, path: string, query: object = {}, options: RequestOptions = {}) {
    this.#transport = transport;
    this.#call = { method: "GET", path, query };
    this.#options = options;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Item> {
    for await (const page of this.pages()) yield* page.data;
  }

  async *pages(): AsyncGenerator<Whole> {
    let page = await this.#page({});
    yield page;
    while (page.next) yield (page = await this.#page({ cursor: page.next }));
  }

  then<A = Whole, B = never>(
    done?: ((page: Whole) => A | PromiseLike<A>) | null,
    failed?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#page({}).then(done, failed);
  }

  #page(more: { cursor?: string }): Promise<Whole> {
    return this.#transport.json({ ...this.#call, query: { ...this.#call.query, ...more } }, this.#options);
  }
}
