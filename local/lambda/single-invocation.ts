import { randomUUID } from 'node:crypto';
import { systemClock } from '../../lambda/adapters/system-clock.ts';
import { EnvironmentPool } from './environment-pool.ts';
import type { FunctionDefinition } from './function-definition.ts';

/**
 * Runs a function once, in an execution environment that ends with it.
 *
 * @param log receives the lines that it writes
 * @throws FunctionError
 */
export async function invokeOnce(
  definition: FunctionDefinition,
  event: object,
  log: (line: string) => void,
): Promise<void> {
  const pool = new EnvironmentPool(definition, {
    clock: systemClock,
    log: (_name, _requestId, line) => log(line),
    warn: log,
    freshPerRequest: true,
    assertAccountConcurrency: () => undefined,
    idleSeconds: 0,
  });
  try {
    for await (const _ of pool.invoke(JSON.stringify(event), randomUUID()));
  } finally {
    await pool.close();
  }
}
