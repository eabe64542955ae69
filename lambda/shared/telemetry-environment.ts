import { type FunctionEnvironment, list, mcpVariables, oneOf, optional, text } from './environment.ts';

/** The variables of the telemetry function, apart from the others, so that no other bundle contains them. */
export const telemetryVariables = {
  TABLE_NAME: text,
  /** The longest of any user. */
  MCP_SESSION_TTL_HOURS: mcpVariables.MCP_SESSION_TTL_HOURS,
  /** URL of an OTLP endpoint, without the path of the signal. */
  TELEMETRY_ENDPOINT: text,
  TELEMETRY_SIGNALS: { read: (value: string) => list.read(value).map(oneOf('traces', 'metrics').read) },
  /** The attribute `service.name`. */
  TELEMETRY_SERVICE_NAME: text,
  /** ARN of the secret with the headers of each request. */
  TELEMETRY_HEADERS_ARN: optional(text),
  /** Set when requests are signed for AWS X-Ray. */
  TELEMETRY_SIGNATURE: optional(oneOf('xray')),
  /** Set when spans have the key of the user. */
  TELEMETRY_USERS: optional(oneOf('true')),
};

export type TelemetryEnvironment = FunctionEnvironment<typeof telemetryVariables>;
