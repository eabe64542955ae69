import { printableJson, singleLine } from '../../lambda/core/support/untrusted-text.ts';
import type { Finding } from '../doctor/finding.ts';
import { summaryText } from '../doctor/finding-report.ts';

export type VerifyReport = {
  /** Of the package whose command line this is. */
  version: string;
  startedAt: Date;
  seconds: number;
  silenceSeconds: number;
  wasInterrupted: boolean;
  findings: Finding[];
};

/** A finding whose texts do not contain the secrets. The deployment chose parts of its texts. */
function redacted(finding: Finding, secrets: readonly string[]): Finding {
  const longestFirst = secrets.filter((secret) => secret !== '').toSorted((a, b) => b.length - a.length);
  const text = (value: string) => longestFirst.reduce((each, secret) => each.replaceAll(secret, '(removed)'), value);
  return { ...finding, found: text(finding.found) };
}

/** A cell that cannot mention a user, contain HTML or end: code, without the characters that would end it. */
const cell = (text: string) => `\`${singleLine(text).replaceAll('`', "'").replaceAll('|', '\\|')}\``;

/** Markdown for an issue. @param secrets values that it must not contain */
export function markdownReport(report: VerifyReport, secrets: readonly string[]): string {
  const { version, startedAt, seconds, silenceSeconds, wasInterrupted } = report;
  const findings = report.findings.map((finding) => redacted(finding, secrets));
  const rows = findings.map(({ check, verdict, found }) => `| ${verdict} | ${check} | ${cell(found)} |`);
  const remedies = findings.flatMap(({ check, why, mend }) => (why ? [`- ${check}: ${why} ${mend}`] : []));
  return `${[
    '## holdfast verify',
    '',
    `Holdfast ${version}, ${startedAt.toISOString().slice(0, 10)}, ${seconds} s${wasInterrupted ? ', interrupted' : ''}. Silent tools: ${silenceSeconds} s.`,
    `${summaryText(findings)}.`,
    '',
    '| | check | found |',
    '| --- | --- | --- |',
    ...rows,
    ...(remedies.length > 0 ? ['', ...remedies] : []),
  ].join('\n')}\n`;
}

/** The same for programs. */
export function jsonReport({ startedAt, ...report }: VerifyReport, secrets: readonly string[]): string {
  const findings = report.findings.map((finding) => redacted(finding, secrets));
  return `${printableJson({ ...report, startedAt: startedAt.getTime(), findings })}\n`;
}
