import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import { Token } from 'aws-cdk-lib/core';
import { isUpstreamUrl } from '../../lambda/shared/upstream-address.ts';
import { secretArnSyntax } from './identity-provider-settings.ts';
import { hasSyntax, quoted, validateChoice } from './setting-validation.ts';

/** Where the tool calls are exported to, and their part that is. */
export interface TelemetryExport {
  /**
   * URL of an OTLP endpoint that takes JSON by HTTP: https, or http on this computer. As `OTEL_EXPORTER_OTLP_ENDPOINT`, without
   * `/v1/traces` and `/v1/metrics`, which are appended.
   * @default - `xRay`
   */
  readonly endpoint?: string;
  /**
   * A secret of Secrets Manager, or its complete ARN, with the headers of each request, in the form of
   * `OTEL_EXPORTER_OTLP_HEADERS`: `name=value`, separated by commas, with the values URL-encoded. In the local emulator, the
   * value is the line `TELEMETRY_HEADERS` of `.env`.
   * @default - no further headers
   */
  readonly headers?: ISecret | string;
  /**
   * Whether spans are sent to AWS X-Ray in the region of the stack, with the role of the function. The account needs CloudWatch
   * Transaction Search. X-Ray takes no metrics. The local emulator exports nothing.
   * @default false
   */
  readonly xRay?: boolean;
  /**
   * Spans of calls, and the histogram of their durations.
   * @default - both; of X-Ray `['traces']`
   */
  readonly signals?: readonly ('traces' | 'metrics')[];
  /**
   * The attribute `service.name`.
   * @default - the setting `name`
   */
  readonly serviceName?: string;
  /**
   * Whether spans have the key of the user as `enduser.pseudo.id`. It is the key of the audit log, and no name.
   * @default false
   */
  readonly users?: boolean;
}

/** The export of telemetry. */
export interface TelemetrySettings {
  /**
   * Exports the calls of the audit log as OpenTelemetry traces and metrics, within eleven minutes of their end. Neither
   * arguments nor results are exported.
   * @default - nothing is exported
   * @see https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/gen-ai/mcp.md
   */
  readonly telemetry?: TelemetryExport;
}

/** Yields an error message for each invalid setting. */
export function* validateTelemetry({ telemetry }: TelemetrySettings): Generator<string> {
  if (telemetry === undefined) return;
  const { endpoint, headers, xRay = false, signals, serviceName } = telemetry;
  if ((endpoint === undefined) === !xRay) yield 'telemetry needs endpoint or xRay, not both';
  if (endpoint !== undefined && !Token.isUnresolved(endpoint) && !isUpstreamUrl(endpoint)) {
    yield `telemetry.endpoint is ${quoted(endpoint)}: write an https URL without a query`;
  }
  // The value may be the headers themselves, so the message does not repeat it.
  if (typeof headers === 'string' && !hasSyntax(secretArnSyntax, headers)) {
    yield 'telemetry.headers is not a complete ARN: store the headers in Secrets Manager and give its ARN';
  }
  if (xRay && headers !== undefined) yield 'telemetry.headers has no effect with xRay: leave it out';
  if (signals?.length === 0) yield 'telemetry.signals is empty: choose traces or metrics';
  for (const signal of signals ?? []) yield* validateChoice('telemetry.signals', signal, ['traces', 'metrics']);
  if (xRay && signals?.includes('metrics')) yield 'telemetry.signals has metrics: X-Ray takes traces alone';
  if (serviceName === '') yield 'telemetry.serviceName is empty: leave it out, or name the service';
}
