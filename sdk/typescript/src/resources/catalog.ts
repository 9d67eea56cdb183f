import type { Listing } from "../listing.js";
import type { RequestOptions } from "../transport.js";
import type { Adapter, AdapterDescription, ConfigView, ConnectorView, ModelCard, Query } from "../types.js";
import { Resource } from "./resource.js";

/** What can be asked by its name. */
export class Models extends Resource {
  /** Lists workflows, configured models and panels, `auto`, and the embedder. */
  list(options: RequestOptions = {}): Listing<ModelCard> {
    return this.listed("/v1/models", {}, options);
  }

  /** Returns one of them. */
  get(model: string, options: RequestOptions = {}): Promise<ModelCard> {
    return this.read("/v1/models", [model], options);
  }
}

/** The adapters of models. */
export class Adapters extends Resource {
  /** Lists the adapters, those of installed packages too. */
  list(query: Query<"/v1/adapters"> = {}, options: RequestOptions = {}): Listing<Adapter> {
    return this.listed("/v1/adapters", query, options);
  }

  /** Returns the features and options of one, with an example. */
  get(name: string, options: RequestOptions = {}): Promise<AdapterDescription> {
    return this.read("/v1/adapters", [name], options);
  }
}

/** What steps can call. */
export class Connectors extends Resource {
  /** Lists the configured connectors, with the names of their headers. */
  list(query: Query<"/v1/connectors"> = {}, options: RequestOptions = {}): Listing<ConnectorView> {
    return this.listed("/v1/connectors", query, options);
  }
}

/** The configuration. */
export class Config extends Resource {
  /** Returns the configuration as it applies to the gateway, without secrets. */
  get(options: RequestOptions = {}): Promise<ConfigView> {
    return this.read("/v1/config", [], options);
  }
}
