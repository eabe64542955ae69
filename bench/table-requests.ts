import type { Bench, Outcome } from './benchmark-part.ts';
import { deployed } from './built-assembly.ts';
import { runFresh } from './function-process.ts';
import { callTool, initialize, listTools, modern, proxyEvent } from './gateway-events.ts';

/** The note of requests that need no session and read the grant nevertheless. */
const revocation = 'one, because a revoked grant is rejected at the next request of any kind';
const CALLS = 20;
const reads = ['BatchGetItem', 'GetItem', 'Query', 'TransactGetItems'];

/** The requests of a warm call to the table and to KMS, counted by the emulated services. */
export async function store({ services, assembly, progress }: Bench): Promise<Outcome> {
  progress('counting table requests');
  services.keyServiceRequests();
  const { file, handler, environment } = deployed(services.template, assembly, 'Mcp');
  const countOf = async (message: typeof initialize) => {
    const counts: Record<string, number>[] = [];
    // The first run starts the session. The third run differs from the second by its additional requests only.
    for (const segments of [[1], [1], [1, CALLS]]) {
      services.count();
      const requests = [initialize, message].map((each, index) => ({
        event: proxyEvent(each, services.caller, services.token),
        segments: index === 0 ? [1] : segments,
        expect: '"result"',
      }));
      await runFresh({ file, handler, requests }, { ...services.environment, ...environment });
      counts.push(services.count());
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
  const figure = (what: string, ours: number, atMost: number, note?: string) => ({
    what,
    unit: '' as const,
    ours,
    budget: { atMost, of: 'ours' as const },
    ...(note !== undefined && { note }),
  });
  return {
    figures: [
      figure(
        'table round trips before the response, tools/call',
        call.reads,
        1,
        'the audit log is written after the body and before the end of the stream',
      ),
      figure('table round trips, tools/list in a session', list.reads + list.writes, 1),
      figure('table round trips, tools/list, 2026 era', modernList.reads + modernList.writes, 1, revocation),
      figure('table round trips, server/discover', discover.reads + discover.writes, 1, revocation),
      figure(
        'table writes, tools/call',
        call.writes,
        1,
        'the audit log; the session is updated once in fifteen minutes at most',
      ),
      figure('KMS requests of warm requests', services.keyServiceRequests(), 0),
    ],
  };
}
