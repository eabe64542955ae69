import { lost } from '../../test/support/load/killed-processes.ts';
import { NamedSessions, type Plan, Stateless } from '../../test/support/load/load-clients.ts';
import type { LedgerUser } from '../../test/support/load/load-ledger.ts';
import type { Cloud } from '../../test/support/test-cloud.ts';
import { callTool } from '../../test/support/test-oauth-client.ts';
import type { Memory } from './load-bench-server.ts';
import { libraries, users } from './loaded-emulator.ts';
import { pause, type ThinkingWire } from './thinking-connection.ts';

/** A program that asks until it is told that it is enough. */
export type Client = (goesOn: () => boolean) => Promise<void>;

/**
 * Half of the clients speak 2025-11-25: one session after another, with `initialize`, some calls and sometimes `DELETE`;
 * they come back to sessions of before, and to ids that nobody knows. The others speak 2026-07-28.
 */
export function rawClients(owners: LedgerUser[], wire: ThinkingWire): Client[] {
  return owners.map((owner, number) =>
    number % 2 === 0 ? namedSessions(new NamedSessions(owner, wire)) : stateless(new Stateless(owner, wire, number)),
  );
}

function namedSessions(client: NamedSessions): Client {
  return async (goesOn) => {
    for (let session = 0; goesOn(); session++) {
      const plan: Plan = {
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

function stateless(client: Stateless): Client {
  return async (goesOn) => {
    for (let turn = 0; goesOn(); turn++) await client.turn({ increments: turn % 25 === 3, pairs: turn % 20 === 4 });
  };
}

/** Turns between two connections of one sign-in. */
const TURNS_OF_A_CONNECTION = 20;

/** Clients as the two SDKs make them, which connect anew now and then. @param asked hears of each request */
export function libraryClients(cloud: Cloud, wire: ThinkingWire, asked: () => void): Client[] {
  return libraries.flatMap(([, connect]) =>
    users.slice(0, 2).map(
      (user): Client =>
        async (goesOn) => {
          let assistant = await connect(`${cloud.origin}/mcp`, user);
          for (let turn = 1; goesOn(); turn++) {
            await pause(wire.thinking);
            const { isError, text } = await assistant.call('append', { call: `${turn}` });
            if (isError) throw new Error(`A tool failed: ${text}`);
            asked();
            if (turn % TURNS_OF_A_CONNECTION !== 0) continue;
            const { memory } = assistant;
            await assistant.close();
            assistant = await connect(`${cloud.origin}/mcp`, user, memory);
          }
          await assistant.close();
        },
    ),
  );
}

/** What the environment that happens to answer has in memory. */
export async function askMemory({ token }: LedgerUser, wire: ThinkingWire): Promise<Memory> {
  const { params, ...call } = callTool('memory');
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': {},
    'io.modelcontextprotocol/clientInfo': { name: 'memory', version: '1' },
  };
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': call.method,
    'mcp-name': params.name,
  };
  const answer = await wire.send('POST', headers, JSON.stringify({ ...call, params: { ...params, _meta } }));
  if (answer === lost || answer.status !== 200) {
    throw new Error(`memory was answered ${answer === lost ? 'not at all' : answer.text}`);
  }
  const message = JSON.parse(/^data: (.+)$/m.exec(answer.text)?.[1] ?? answer.text);
  return JSON.parse(message.result.content[0].text);
}
