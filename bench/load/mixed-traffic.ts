import { randomUUID } from 'node:crypto';
import type { EmulatorProcess } from '../harness/emulator-process.ts';
import { assistants } from '../harness/mcp-clients.ts';
import { LegacyClient, ModernClient, type SessionPlan } from './load-clients.ts';
import type { LoadUser } from './load-ledger.ts';
import { users } from './loaded-emulator.ts';
import { type PacedConnections, pause } from './paced-connections.ts';

/** Sends requests for as long as the traffic continues. */
export type TrafficClient = (continues: () => boolean) => Promise<void>;

/**
 * Half of the clients speak 2025-11-25: one session after another, with `initialize`, calls and sometimes `DELETE`. They
 * return to earlier sessions and send unknown ids. The others speak 2026-07-28.
 */
export function rawClients(owners: LoadUser[], connections: PacedConnections): TrafficClient[] {
  return owners.map((owner, number) =>
    number % 2 === 0
      ? legacyTraffic(new LegacyClient(owner, connections))
      : modernTraffic(new ModernClient(owner, connections, number)),
  );
}

function legacyTraffic(client: LegacyClient): TrafficClient {
  return async (continues) => {
    for (let session = 0; continues(); session++) {
      const plan: SessionPlan = {
        increments: session % 25 === 3,
        pairs: session % 20 === 4,
        returns: session % 2 === 1,
        unknown: session % 25 === 5,
        ends: session % 5 === 2,
      };
      await client.session(session, plan, async () => undefined);
    }
  };
}

function modernTraffic(client: ModernClient): TrafficClient {
  return async (continues) => {
    for (let turn = 0; continues(); turn++) await client.turn({ increments: turn % 25 === 3, pairs: turn % 20 === 4 });
  };
}

/** Calls on one connection of an SDK's client. */
const CALLS_PER_CONNECTION = 20;

/** Clients of both SDKs, in both eras, which connect anew now and then. @param answered runs after each response */
export function sdkClients(
  emulator: EmulatorProcess,
  connections: PacedConnections,
  answered: () => void,
): TrafficClient[] {
  return assistants.flatMap(([, connect]) =>
    users.slice(0, 2).map(
      (user): TrafficClient =>
        async (continues) => {
          let assistant = await connect(emulator.mcpUrl, user);
          for (let turn = 1; continues(); turn++) {
            await pause(connections.pauseMilliseconds);
            const { isError, text } = await assistant.call('append', { call: randomUUID() });
            if (isError) throw new Error(`A tool failed: ${text}`);
            answered();
            if (turn % CALLS_PER_CONNECTION !== 0) continue;
            const { memory } = assistant;
            await assistant.close();
            assistant = await connect(emulator.mcpUrl, user, memory);
          }
          await assistant.close();
        },
    ),
  );
}
