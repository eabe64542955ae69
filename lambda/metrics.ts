/**
 * The events of the log that are counted: each is a metric of its own name in CloudWatch, by the function that logged it.
 * The functions and the stack both read this, so that no alarm waits for what nobody counts.
 */

/** A function of the stack, by its construct's name. */
export type FunctionName = 'Authorizer' | 'Mcp' | 'Worker' | 'OAuth';

/** Where the metrics are. AWS's own are in `AWS/…`. */
export const METRIC_NAMESPACE = 'Holdfast';

/** As in AWS's own metrics of a function. */
export const METRIC_DIMENSION = 'FunctionName';

/** By event, the functions that may log it. */
export const countedEvents = {
  outage: ['Mcp', 'Worker', 'OAuth'],
  unexpected_error: ['Mcp', 'Worker', 'OAuth'],
  authorizer_failed: ['Authorizer'],
  session_failed: ['Mcp', 'Worker'],
  refresh_reuse: ['OAuth'],
  code_reuse: ['OAuth'],
  identity_provider_ended_grant: ['OAuth'],
  client_document_failed: ['OAuth'],
  stream_not_kept: ['Mcp', 'Worker'],
  question_not_asked: ['Mcp', 'Worker'],
  run_failed: ['Mcp', 'Worker'],
  call_not_recorded: ['Mcp', 'Worker'],
} as const satisfies Record<string, readonly FunctionName[]>;

export type CountedEvent = keyof typeof countedEvents;
