import { dynamoRequestStateStore } from '../adapters/dynamodb/request-state-store.ts';
import { dynamoSealedKeyStore } from '../adapters/dynamodb/sealed-key-store.ts';
import type { TableConnection } from '../adapters/dynamodb/table-connection.ts';
import { openKms } from '../adapters/kms/kms-client.ts';
import { kmsSealer } from '../adapters/kms/kms-sealer.ts';
import { RequestStates } from '../core/mcp/modern/request-state.ts';
import { sealedKey } from '../core/support/sealed-key.ts';

/**
 * The sealed states of tools that wait for a user. The MCP function loads this module when a tool first asks its user.
 *
 * @param sealKeyId of the KMS key
 * @param now epoch seconds
 */
export function openRequestStates(table: TableConnection, sealKeyId: string, now: () => number): RequestStates {
  const sealer = kmsSealer(openKms(), sealKeyId, table.name);
  const key = sealedKey(dynamoSealedKeyStore(table), sealer, 'request-state');
  return new RequestStates(key, dynamoRequestStateStore(table), now);
}
