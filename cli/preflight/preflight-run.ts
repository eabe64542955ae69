import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { printableJson, singleLine } from '../../lambda/core/support/untrusted-text.ts';
import { type AssemblyStack, readAssembly } from '../../local/template/cloud-assembly.ts';
import { synthesize } from '../../local/template/synthesis.ts';
import type { Finding } from '../doctor/finding.ts';
import { findingText, hasFailure, summaryText } from '../doctor/finding-report.ts';
import { notify, progressLine } from '../output/terminal.ts';
import { checkEnvironment, configuredRegion, identifyCaller } from './caller-check.ts';
import { checkAccount } from './preflight-checks.ts';
import { openTarget } from './preflight-target.ts';

export type PreflightOptions = {
  stack?: string;
  region?: string;
  context?: Record<string, string>;
  /** For each request, in seconds. */
  timeout: number;
  json?: boolean;
};

/** Checks the account that the app of the working directory will be deployed to. The exit code is 1 when a check fails. */
export async function runPreflight(options: PreflightOptions): Promise<void> {
  const { json = false } = options;
  const { stack, findings } = await preflight(options);
  const hasFailed = hasFailure(findings);
  if (json) process.stdout.write(`${printableJson({ stack, ok: !hasFailed, findings })}\n`);
  else {
    const lines = [`Checking ${singleLine(stack ?? process.cwd())}`, '', ...findings.map(findingText)];
    process.stdout.write(`${lines.join('\n')}\n\n${summaryText(findings)}\n`);
  }
  process.exitCode = hasFailed ? 1 : 0;
}

type Report = { stack: string | undefined; findings: Finding[] };

async function preflight({ stack, region: given, context, timeout }: PreflightOptions): Promise<Report> {
  const timeoutMilliseconds = timeout * 1000;
  const configured = given ?? (await configuredRegion());
  const caller = await identifyCaller(configured, timeoutMilliseconds);
  if (!('account' in caller)) return { stack: undefined, findings: [caller] };
  const { account, credentials } = caller;
  const app = await synthesizeStack({ stack, context }, account, configured);
  const findings = [caller.finding, ...checkEnvironment(app, account, configured)];
  const region = app.region ?? configured;
  if (region !== undefined && !hasFailure(findings)) {
    findings.push(...(await checkAccount(openTarget(app, account, { region, credentials, timeoutMilliseconds }))));
  }
  return { stack: app.stackName, findings };
}

/** Runs the app as `cdk deploy` does, without bundling its functions. */
async function synthesizeStack(
  { stack, context }: Pick<PreflightOptions, 'stack' | 'context'>,
  account: string,
  region: string | undefined,
): Promise<AssemblyStack> {
  const progress = progressLine();
  progress.show('Synthesizing the app');
  const assembly = mkdtempSync(join(tmpdir(), 'holdfast-'));
  try {
    const withoutBundles = { ...context, 'aws:cdk:bundling-stacks': [] };
    const warnings = await synthesize(process.cwd(), assembly, withoutBundles, {
      CDK_DEFAULT_ACCOUNT: account,
      ...(region !== undefined && { CDK_DEFAULT_REGION: region }),
    });
    for (const warning of warnings) notify(warning);
    return readAssembly(assembly, stack, 'preflight');
  } finally {
    progress.clear();
    rmSync(assembly, { recursive: true, force: true });
  }
}
