import type { Bench, Outcome } from './benchmark-part.ts';
import { deployed } from './built-assembly.ts';
import { runFresh } from './function-process.ts';
import { callTool, initialize, listTools, modern, proxyEvent } from './gateway-events.ts';

/** Nothing of a session is needed for either, so there could be none. */
const revocation = 'one, because whoever was revoked is refused at the next request, whatever it asks for';
const CALLS = 20;
const reads = ['BatchGetItem', 'GetItem', 'Query', 'TransactGetItems'];

/** How often a warm request goes to the table and to the key service, counted by the services themselves. */
export async function store({ desk, assembly, progress }: Bench): Promise<Outcome> {
  progress('counting requests to the store');
  const { file, handler, environment } = deployed(desk.template, assembly, 'Mcp');
  const countOf = async (message: typeof initialize) => {
    const counts: Record<string, number>[] = [];
    // The first run begins the session. The third has as many requests more than the second, and all the rest alike.
    for (const segments of [[1], [1], [1, CALLS]]) {
      desk.count();
      const requests = [initialize, message].map((each, index) => ({
        event: proxyEvent(each, desk.caller, desk.token),
        segments: index === 0 ? [1] : segments,
        expect: '"result"',
      }));
      await runFresh({ file, handler, requests }, { ...desk.environment, ...environment });
      counts.push(desk.count());
    }
    const [, few = {}, many = {}] = counts;
    const perCall = (operations: (name: string) => boolean) =>
      Object.keys(many)
        .filter(operations)
        .reduce((sum, name) => sum + (many[name]! - (few[name] ?? 0)), 0) / CALLS;
    return { reads: perCall((name) => reads.includes(name)), writes: perCall((name) => !reads.includes(name)) };
  };
  const call = await countOf(callTool('whoami'));
  const list = await countOf(listTools);
  const modernList = await countOf(modern(listTools));
  const discover = await countOf(modern({ method: 'server/discover', params: {} }));
  const a = (what: string, ours: number, atMost: number, note?: string) => ({
    what,
    unit: '' as const,
    ours,
    budget: { atMost, of: 'ours' as const },
    ...(note !== undefined && { note }),
  });
  return {
    figures: [
      a(
        'store round trips before the answer, tools/call',
        call.reads,
        1,
        'the record is written after the body, and before the stream ends',
      ),
      a('store round trips, tools/list of a session', list.reads + list.writes, 1),
      a('store round trips, tools/list, 2026 era', modernList.reads + modernList.writes, 1, revocation),
      a('store round trips, server/discover', discover.reads + discover.writes, 1, revocation),
      a('store writes, tools/call', call.writes, 1, 'the call record; the session slides once a minute at most'),
      a('key-service calls of warm requests', desk.keyServiceRequests(), 0),
    ],
  };
}
