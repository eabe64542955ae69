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
  apiHost?: string;
  json?: boolean;
};

/** How long a person has to sign in. */
const PATIENCE_MILLISECONDS = 5 * 60 * 1000;

/** Checks a deployment and prints the findings. The exit code is 1 when a check fails. */
export async function runDoctor(url: string, options: DoctorOptions): Promise<void> {
  const { timeout, json = false, signIn = false, clientId } = options;
  const print = (text: string) => void process.stdout.write(`${text}\n`);
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
