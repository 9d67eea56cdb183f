import type { Listing } from "../listing.js";
import { path, type RequestOptions } from "../transport.js";
import type {
  CheckedWorkflow,
  Query,
  WorkflowChange,
  WorkflowSpec,
  WorkflowSummary,
  WorkflowVersion,
} from "../types.js";
import { Resource } from "./resource.js";

/** A workflow to deploy: as an object, or as a text of YAML. */
export type WorkflowSource = object | string;

/** Workflows, and their deployment. */
export class Workflows extends Resource {
  /** Lists the deployed workflows, with the JSON Schema of their input. */
  list(query: Query<"/v1/workflows"> = {}, options: RequestOptions = {}): Listing<WorkflowSummary> {
    return this.listed("/v1/workflows", query, options);
  }

  /** Returns the active version of a workflow, as it was deployed. */
  get(workflow: string, options: RequestOptions = {}): Promise<WorkflowSpec> {
    return this.read("/v1/workflows", [workflow], options);
  }

  /** Lists the versions of a workflow, with when and by whom they were deployed. */
  versions(
    workflow: string,
    query: Query<"/v1/workflows/{workflow}/versions"> = {},
    options: RequestOptions = {},
  ): Listing<WorkflowVersion> {
    return this.listed(path("/v1/workflows", workflow, "versions"), query, options);
  }

  /** Returns one version of a workflow, as it was deployed. */
  version(workflow: string, version: number, options: RequestOptions = {}): Promise<WorkflowSpec> {
    return this.read("/v1/workflows", [workflow, "versions", version], options);
  }

  /** Checks a workflow: what is wrong with it is in `problems`. */
  validate(workflow: WorkflowSource, options: RequestOptions = {}): Promise<CheckedWorkflow> {
    return this.#sent("/v1/workflows/validate", workflow, {}, options);
  }

  /** Tells what a deployment would change. */
  diff(workflow: WorkflowSource, options: RequestOptions = {}): Promise<WorkflowChange> {
    return this.#sent("/v1/workflows/diff", workflow, {}, options);
  }

  /** Deploys a workflow; with `dry_run`, nothing changes. */
  deploy(
    workflow: WorkflowSource,
    params: { dry_run?: boolean } = {},
    options: RequestOptions = {},
  ): Promise<WorkflowChange> {
    return this.#sent("/v1/workflows", workflow, params, options);
  }

  /** Makes an earlier version active: `to`, or the one that was active before. With `dry_run`, nothing changes. */
  rollback(
    workflow: string,
    params: { to?: number; dry_run?: boolean } = {},
    options: RequestOptions = {},
  ): Promise<WorkflowChange> {
    const { dry_run, ...body } = params;
    // Without a number, a second one would go back further.
    const more = { query: { dry_run }, repeatable: body.to !== undefined || dry_run === true };
    return this.send(path("/v1/workflows", workflow, "rollback"), body, options, more);
  }

  #sent<T>(where: string, workflow: WorkflowSource, query: object, options: RequestOptions): Promise<T> {
    const contentType = typeof workflow === "string" ? "application/yaml" : undefined;
    return this.send(where, workflow, options, { query, contentType });
  }
}
