import type { Listing } from "../listing.js";
import type { RequestOptions } from "../transport.js";
import type { BudgetRow, ListedPrice, Query, SpendReport, SpendRow } from "../types.js";
import { Resource } from "./resource.js";

/** What was spent. */
export class Spend extends Resource {
  /** Lists what was spent in a `window`, `by` model, workflow, tenant, day, provider or step; a page has the `total`. */
  list(query: Query<"/v1/spend"> = {}, options: RequestOptions = {}): Listing<SpendRow, SpendReport> {
    return this.listed("/v1/spend", query, options);
  }
}

/** Limits of what may be spent. */
export class Budgets extends Resource {
  /** Lists the limit of each budget, what it has spent and reserved, and when it renews. */
  list(query: Query<"/v1/budgets"> = {}, options: RequestOptions = {}): Listing<BudgetRow> {
    return this.listed("/v1/budgets", query, options);
  }
}

/** What models cost. */
export class Prices extends Resource {
  /** Lists the price of each configured model, or with `all` of all known ones. */
  list(query: Query<"/v1/prices"> = {}, options: RequestOptions = {}): Listing<ListedPrice> {
    return this.listed("/v1/prices", query, options);
  }
}
