import type { Clock } from '../../lambda/core/support/clock.ts';
import { printableJson } from '../../lambda/core/support/untrusted-text.ts';
import { timeToSecond } from '../output/time-text.ts';
import type { Finding, Verdict } from './finding.ts';
import { findingText, hasFailure, summaryText } from './finding-report.ts';

export type WatchDependencies = {
  url: string;
  /** Checks the deployment once. */
  check: () => Promise<Finding[]>;
  print: (line: string) => void;
  clock: Clock;
  /** Ends the watch. */
  signal: AbortSignal;
  /** Between the end of a round and the next one. */
  pauseMilliseconds: number;
  /** One JSON object per line, for a status page. */
  json: boolean;
};

/**
 * Checks a deployment again and again. It prints the problems at the beginning, and then each check whose verdict has
 * changed.
 * @returns whether a check failed in the last complete round; undefined without one
 */
export async function watchDeployment(dependencies: WatchDependencies): Promise<boolean | undefined> {
  const { check, print, signal } = dependencies;
  /** The verdicts as printed. A check that has none is in order. */
  const printed = new Map<string, Verdict>();
  let hasFailed: boolean | undefined;
  while (!signal.aborted) {
    const findings = await check();
    // Its requests were cancelled: the findings are not those of the deployment.
    if (signal.aborted) break;
    const changes = findings.filter((finding) => plain(finding.verdict) !== (printed.get(finding.check) ?? 'ok'));
    for (const { check: name, verdict } of changes) printed.set(name, plain(verdict));
    if (hasFailed === undefined || changes.length > 0) print(roundText(dependencies, findings, changes));
    hasFailed = hasFailure(findings);
    await pause(dependencies);
  }
  return hasFailed;
}

/** Ends early with the watch. */
const pause = ({ clock, signal, pauseMilliseconds }: WatchDependencies): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = () => {
      timer.cancel();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = clock.after(pauseMilliseconds, end);
    signal.addEventListener('abort', end);
  });

/** A note is no problem. */
const plain = (verdict: Verdict): Verdict => (verdict === 'note' ? 'ok' : verdict);

function roundText({ url, clock, json }: WatchDependencies, findings: Finding[], changes: Finding[]): string {
  const time = clock.now();
  if (json) return printableJson({ time, url, ok: !hasFailure(findings), changes });
  return [`${timeToSecond(time)}  ${summaryText(findings)}`, ...changes.map(findingText)].join('\n');
}
