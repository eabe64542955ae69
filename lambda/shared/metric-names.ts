/**
 * The events of the log that are counted or measured: each is a metric in CloudWatch, by the function that logged it. The
 * functions and the stack both read this, so that no alarm waits for what nobody counts.
 */

/** A function of the stack, by its construct's name. */
export type FunctionName = 'Authorizer' | 'Mcp' | 'Worker' | 'OAuth' | 'Dashboard' | 'Rollup';

/** Where the metrics are. AWS's own are in `AWS/…`. */
export const METRIC_NAMESPACE = 'Holdfast';

/** As in AWS's own metrics of a function. */
export const METRIC_DIMENSION = 'FunctionName';

/** By event, the functions that may log it. */
export const countedEvents = {
  service_unavailable: ['Mcp', 'Worker', 'OAuth', 'Dashboard'],
  unexpected_error: ['Mcp', 'Worker', 'OAuth', 'Dashboard'],
  authorizer_failed: ['Authorizer'],
  session_failed: ['Mcp', 'Worker'],
  refresh_reuse: ['OAuth'],
  code_reuse: ['OAuth'],
  upstream_ended_grant: ['OAuth'],
  client_document_failed: ['OAuth'],
  stream_store_failed: ['Mcp', 'Worker'],
  elicitation_failed: ['Mcp', 'Worker'],
  execution_failed: ['Mcp', 'Worker'],
  audit_write_failed: ['Mcp', 'Worker'],
  aggregation_failed: ['Rollup'],
} as const satisfies Record<string, readonly FunctionName[]>;

export type CountedEvent = keyof typeof countedEvents;

/** Events that tell numbers, each of which is a metric: by event, who may log it and the members of its line. */
export const measuredEvents = {
  calls_aggregated: { doors: ['Rollup'], members: ['calls', 'errors'] },
} as const satisfies Record<string, { doors: readonly FunctionName[]; members: readonly string[] }>;
