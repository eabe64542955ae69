import { singleLine } from '../../lambda/core/support/untrusted-text.ts';
import type { Finding, Verdict } from './finding.ts';

const labels: Record<Verdict, string> = { ok: 'ok', note: 'note', warn: 'WARN', fail: 'FAIL' };

/** A finding for a terminal: its observation, and its effect and remedy on lines below. */
export function findingText({ check, verdict, found, why, mend }: Finding): string {
  const indent = ' '.repeat(8);
  const lines = [`  ${labels[verdict].padEnd(6)}${check.padEnd(26)} ${singleLine(found)}`];
  if (why !== undefined) lines.push(`${indent}Why: ${singleLine(why)}`);
  if (mend !== undefined) lines.push(`${indent}Do:  ${singleLine(mend)}`);
  return lines.join('\n');
}

/** The last line of a report: how many findings have which verdict. */
export function summaryText(findings: Finding[]): string {
  const count = (verdict: Verdict) => findings.filter((finding) => finding.verdict === verdict).length;
  return `${count('ok')} ok, ${count('warn')} warnings, ${count('fail')} failed`;
}

export const hasFailure = (findings: Finding[]): boolean => findings.some(({ verdict }) => verdict === 'fail');
