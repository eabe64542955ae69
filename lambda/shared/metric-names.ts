/**
 * Events of the log that are metrics in CloudWatch, by function. Functions and stack both import them, so that no alarm
 * waits for a metric that is not written.
 */

/** Construct id of a function in the stack. */
export type FunctionName =
  | 'Authorizer'
  | 'Mcp'
  | 'Worker'
  | 'AuditTools'
  | 'OAuth'
  | 'SignIn'
  | 'Dashboard'
  | 'Rollup'
  | 'Telemetry';

export const METRIC_NAMESPACE = 'Holdfast';

/** As in the metrics of AWS Lambda. */
export const METRIC_DIMENSION = 'FunctionName';

/** Events that count as 1, with the functions that log them. */
export const countedEvents = {
  service_unavailable: ['Mcp', 'Worker', 'AuditTools', 'OAuth', 'SignIn', 'Dashboard'],
  unexpected_error: ['Mcp', 'Worker', 'AuditTools', 'OAuth', 'SignIn', 'Dashboard'],
  authorizer_failed: ['Authorizer'],
  session_failed: ['Mcp', 'Worker', 'AuditTools'],
  refresh_reuse: ['OAuth'],
  code_reuse: ['OAuth'],
  trusted_assertion_rejected: ['OAuth'],
  upstream_ended_grant: ['OAuth'],
  upstream_misconfigured: ['OAuth', 'SignIn'],
  client_document_failed: ['OAuth'],
  stream_store_failed: ['Mcp', 'Worker', 'AuditTools'],
  elicitation_failed: ['Mcp', 'Worker', 'AuditTools'],
  execution_failed: ['Mcp', 'Worker', 'AuditTools'],
  audit_write_failed: ['Mcp', 'Worker', 'AuditTools'],
  aggregation_failed: ['Rollup'],
  telemetry_export_failed: ['Telemetry'],
} as const satisfies Record<string, readonly FunctionName[]>;

export type CountedEvent = keyof typeof countedEvents;

/** Events with numbers: the functions that log them and the members of the line that are metrics. */
export const measuredEvents = {
  calls_aggregated: { functions: ['Rollup'], members: ['calls', 'errors'] },
} as const satisfies Record<string, { functions: readonly FunctionName[]; members: readonly string[] }>;
