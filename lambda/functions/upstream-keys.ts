import type { APIGatewayProxyResult } from 'aws-lambda';
import { openKms } from '../adapters/kms/kms-client.ts';
import { kmsPublicKeys } from '../adapters/kms/kms-public-keys.ts';
import { log } from '../adapters/logging/structured-log.ts';
import { logFailure } from '../core/support/failure-log.ts';
import { RETRY_AFTER_SECONDS } from '../core/support/service-unavailable-error.ts';
import { readEnvironment, upstreamKeysVariables } from '../shared/environment.ts';

/** Publishes the keys that verify assertions for upstream servers (RFC 7517 §5). Its role reads these public keys alone. */

const { UPSTREAM_KEY_IDS } = readEnvironment(upstreamKeysVariables, process.env);
const publicKeys = kmsPublicKeys(openKms(), UPSTREAM_KEY_IDS);

export async function handler(): Promise<APIGatewayProxyResult> {
  try {
    return json(200, { keys: await publicKeys() }, { 'Cache-Control': 'public, max-age=300' });
  } catch (error) {
    logFailure(log, error);
    return json(503, { error: 'temporarily_unavailable' }, { 'Retry-After': String(RETRY_AFTER_SECONDS) });
  }
}

const json = (statusCode: number, body: object, headers: Record<string, string>): APIGatewayProxyResult => ({
  statusCode,
  headers: { ...headers, 'Content-Type': 'application/json' },
  body: JSON.stringify(body),
});
