import type { Listing } from "../listing.js";
import { path, type RequestOptions } from "../transport.js";
import type { DocumentParams, DocumentState, ListedDocument, Query, SentDocument } from "../types.js";
import { Resource } from "./resource.js";

/** The documents that workflows search. */
export class Documents extends Resource {
  /** Adds a document, or replaces the one of its id. It is found when its `status` is `searchable`. */
  add(document: DocumentParams, options: RequestOptions = {}): Promise<SentDocument> {
    return this.send("/v1/documents", document, options);
  }

  /** Adds up to 1000 documents. */
  async addMany(documents: DocumentParams[], options: RequestOptions = {}): Promise<SentDocument[]> {
    return (await this.send<{ data: SentDocument[] }>("/v1/documents/batch", { documents }, options)).data;
  }

  /** Lists the searchable documents by id. */
  list(query: Query<"/v1/documents"> = {}, options: RequestOptions = {}): Listing<ListedDocument> {
    return this.listed("/v1/documents", query, options);
  }

  /** Returns what has become of a document, and its chunks. */
  get(id: string, options: RequestOptions = {}): Promise<DocumentState> {
    return this.read("/v1/documents", [id], options);
  }

  /** Deletes a document of a collection. */
  delete(id: string, query: { collection?: string } = {}, options: RequestOptions = {}): Promise<SentDocument> {
    return this.transport.json({ method: "DELETE", path: path("/v1/documents", id), query }, options);
  }
}
