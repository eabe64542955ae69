import { Grant } from 'aws-cdk-lib/aws-iam';
import { Stack } from 'aws-cdk-lib/core';
import type { Construct } from 'constructs';
import { DEFAULT_NAME } from '../lambda/shared/branding.ts';
import type { TelemetryEnvironment } from '../lambda/shared/telemetry-environment.ts';
import { acknowledgeTraces, type HoldfastFunction } from './holdfast-function.ts';
import { EMULATOR_VARIABLE } from './package-files.ts';
import { grantReadSecret } from './secret-grant.ts';
import type { ResolvedSettings } from './settings/holdfast-settings.ts';

/** Where the telemetry function exports to. */
export type TelemetryDestination = {
  environment: Omit<TelemetryEnvironment, 'TABLE_NAME' | 'MCP_SESSION_TTL_HOURS'>;
  /** Grants the function to read the headers, or to write traces. */
  grantUse(telemetry: HoldfastFunction): void;
};

/** @returns undefined when nothing is exported; in the local emulator, which has no X-Ray, also with `xRay` */
export function telemetryDestination(
  scope: Construct,
  { telemetry, name = DEFAULT_NAME }: ResolvedSettings,
): TelemetryDestination | undefined {
  if (telemetry === undefined || (telemetry.xRay && process.env[EMULATOR_VARIABLE] !== undefined)) return undefined;
  const { endpoint, headers, users } = telemetry;
  const { region, urlSuffix } = Stack.of(scope);
  const signals = telemetry.signals ?? (telemetry.xRay ? ['traces'] : ['traces', 'metrics']);
  return {
    environment: {
      TELEMETRY_ENDPOINT: endpoint ?? `https://xray.${region}.${urlSuffix}`,
      TELEMETRY_SIGNALS: signals.join(' '),
      TELEMETRY_SERVICE_NAME: telemetry.serviceName ?? name,
      TELEMETRY_HEADERS_ARN: typeof headers === 'string' ? headers : headers?.secretArn,
      TELEMETRY_SIGNATURE: telemetry.xRay ? 'xray' : undefined,
      TELEMETRY_USERS: users ? 'true' : undefined,
    },
    grantUse(telemetryFunction) {
      if (headers !== undefined) grantReadSecret(headers, telemetryFunction);
      if (telemetry.xRay) grantWriteSpans(telemetryFunction);
    },
  };
}

/** The permissions of AWS for its OTLP endpoint. */
function grantWriteSpans(grantee: HoldfastFunction): void {
  Grant.addToPrincipal({
    grantee,
    actions: ['xray:PutSpans', 'xray:PutSpansForIndexing', 'xray:PutTraceSegments'],
    resourceArns: ['*'],
  }).assertSuccess();
  acknowledgeTraces(grantee.role);
}
