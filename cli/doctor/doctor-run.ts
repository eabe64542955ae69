import { systemClock } from '../../lambda/adapters/system-clock.ts';
import { printableJson, singleLine } from '../../lambda/core/support/untrusted-text.ts';
import { checkDeployment } from './deployment-checks.ts';
import { gatherFacts } from './deployment-facts.ts';
import { findingText, hasFailure, summaryText } from './finding-report.ts';
import { createProbe } from './http-probe.ts';

export type DoctorOptions = {
  /** For each request, in seconds. */
  timeout: number;
  register?: boolean;
  signIn?: boolean;
  clientId?: string;
  /** A tool that reports progress, for `signIn`. */
  progressTool?: string;
  apiHost?: string;
  /** Repeats the checks and prints changes only. */
  watch?: boolean;
  /** Between two rounds of `watch`, in seconds. */
  interval: number;
  json?: boolean;
};

/** How long a person has to sign in. */
const PATIENCE_MILLISECONDS = 5 * 60 * 1000;

const print = (text: string): void => void process.stdout.write(`${text}\n`);

/** Checks a deployment and prints the findings. The exit code is 1 when a check fails. */
export async function runDoctor(url: string, options: DoctorOptions): Promise<void> {
  const { timeout, json = false, signIn = false, clientId, progressTool } = options;
  if (options.watch) return runWatch(url, options);
  const timeoutMilliseconds = timeout * 1000;
  const probe = createProbe(timeoutMilliseconds);
  const facts = await gatherFacts(url, probe, options);
  const findings = checkDeployment(facts);
  if (!json) print([`Checking ${singleLine(url)}`, '', ...findings.map(findingText)].join('\n'));
  if (signIn && !findings.some(({ verdict, check }) => verdict === 'fail' && /^(url|reachable)$/.test(check))) {
    const { testSignIn } = await import('./test-sign-in.ts');
    const signInFindings = await testSignIn(facts, probe, {
      command: 'doctor',
      clientId,
      progressTool,
      timeoutMilliseconds,
      patienceMilliseconds: PATIENCE_MILLISECONDS,
      announce: (address) =>
        process.stderr.write(`\nOpen this URL in a browser on this computer:\n\n  ${singleLine(address)}\n\n`),
    });
    if (!json) print(signInFindings.map(findingText).join('\n'));
    findings.push(...signInFindings);
  }
  const hasFailed = hasFailure(findings);
  print(json ? printableJson({ url, ok: !hasFailed, findings }) : `\n${summaryText(findings)}`);
  process.exitCode = hasFailed ? 1 : 0;
}

/** Checks a deployment until SIGINT or SIGTERM. The exit code is that of the last round, or 2 when none was complete. */
async function runWatch(url: string, { timeout, interval, apiHost, json = false }: DoctorOptions): Promise<void> {
  const { watchDeployment } = await import('./doctor-watch.ts');
  const interruption = new AbortController();
  // More than once: npx forwards the signal that the terminal has sent to this process already.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => interruption.abort());
  if (!json) process.stderr.write(`Watching ${singleLine(url)}. Press Ctrl+C to stop.\n`);
  const probe = createProbe(timeout * 1000, interruption.signal);
  const hasFailed = await watchDeployment({
    url,
    // A made-up code would be an event in the log of the OAuth function each time.
    check: async () => checkDeployment(await gatherFacts(url, probe, { apiHost, redeemsCode: false })),
    print,
    clock: systemClock,
    signal: interruption.signal,
    pauseMilliseconds: interval * 1000,
    json,
  });
  process.exitCode = hasFailed === undefined ? 2 : Number(hasFailed);
}
