import type { Facts } from './deployment-facts.ts';
import { type Finding, note, ok, warn } from './finding.ts';
import { isResponse, type ProbeResult } from './http-probe.ts';

/** The clock skew that most verifiers of tokens tolerate. */
const MOST_SKEW_SECONDS = 60;

export function* checkClock({ challenges, metadata }: Facts): Generator<Finding> {
  const dated = [metadata.path, ...Object.values(challenges)].find(
    (result) => isResponse(result) && result.headers.date,
  );
  if (!isResponse(dated)) return;
  const skewSeconds = Math.round((Date.parse(dated.headers.date!) - dated.receivedAt) / 1000);
  if (Number.isNaN(skewSeconds)) return;
  yield Math.abs(skewSeconds) <= MOST_SKEW_SECONDS
    ? ok('clock', 'server and computer agree')
    : warn(
        'clock',
        `the server is ${Math.abs(skewSeconds)} seconds ${skewSeconds > 0 ? 'ahead of' : 'behind'} this computer`,
        {
          why: 'Clients treat valid tokens as expired, or use expired ones.',
          mend: 'AWS synchronizes its clocks: synchronize the clock of this computer (NTP).',
        },
      );
}

export function* reportTimes({ challenges, metadata, servers, keys }: Facts): Generator<Finding> {
  const groups: Record<string, (ProbeResult | undefined)[]> = {
    challenge: Object.values(challenges),
    metadata: [metadata.path, metadata.root, ...servers],
    keys: [keys],
  };
  const slowest = Object.entries(groups).flatMap(([name, results]) => {
    const times = results.filter(isResponse).map(({ milliseconds }) => milliseconds);
    return times.length === 0 ? [] : [`${name} ${Math.round(Math.max(...times))} ms`];
  });
  yield note('times', `slowest response of each kind, under parallel requests: ${slowest.join(', ')}`);
}
