import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AuthorizationServer } from 'oauth4webapi';
import { singleLine } from '../../lambda/core/support/untrusted-text.ts';
import { packageFolder } from '../../lib/package-files.ts';
import { authorizeByCode, type SignedIn, SignInFailure } from '../doctor/authorization-code-flow.ts';
import { type Facts, gatherFacts, serverMetadataIn } from '../doctor/deployment-facts.ts';
import { type Finding, fail } from '../doctor/finding.ts';
import { findingText, hasFailure } from '../doctor/finding-report.ts';
import { createProbe, isResponse, type Probe } from '../doctor/http-probe.ts';
import {
  checkLegacyEra,
  checkModernEra,
  initializeLegacy,
  postModern,
  resultIn,
  terminateSession,
} from '../doctor/mcp-era-checks.ts';
import { checkDashboardFiles, reportMcpTimes, reportOpenTimes } from './edge-checks.ts';
import { HeaderNames } from './header-checks.ts';
import { checkResumption } from './stream-checks.ts';
import { checkRefresh, endAccess, type TokenContext } from './token-checks.ts';
import { checkSilence, checkStepUp, checkTask } from './tool-checks.ts';
import { notChecked, type VerifyContext } from './verify-context.ts';
import { jsonReport, markdownReport } from './verify-report.ts';

export type VerifyOptions = {
  /** How long the silent tool waits, in seconds. */
  silence: number;
  /** An access token instead of a sign-in. */
  token?: string;
  clientId?: string;
  json?: boolean;
};

/** For one request. A cold start takes some seconds. */
const TIMEOUT_MILLISECONDS = 30_000;
/** How long a person has to sign in. */
const PATIENCE_MILLISECONDS = 5 * 60_000;
const PROGRESS_MILLISECONDS = 10_000;
const INTERRUPTED = 130;

const say = (text: string): void => void process.stderr.write(`${text}\n`);

/**
 * Checks a deployment as a signed-in client, prints a report, and ends the access that it received. The first Ctrl+C
 * ends the checks, and the report has those that are complete; the second one ends the process.
 */
export async function runVerify(url: string, options: VerifyOptions): Promise<void> {
  const interruption = new AbortController();
  const interrupt = () => interruption.abort();
  process.once('SIGINT', interrupt);
  const run = new VerifyRun(url, options, interruption.signal);
  const startedAt = new Date();
  try {
    await run.checkAll();
  } finally {
    process.off('SIGINT', interrupt);
  }
  const { findings } = run;
  const wasInterrupted = interruption.signal.aborted;
  const { version } = JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8')) as { version: string };
  const report = {
    version,
    startedAt,
    seconds: Math.round((Date.now() - startedAt.getTime()) / 1000),
    silenceSeconds: options.silence,
    wasInterrupted,
    findings,
  };
  process.stdout.write(options.json ? jsonReport(report, run.secrets) : markdownReport(report, run.secrets));
  process.exitCode = wasInterrupted ? INTERRUPTED : hasFailure(findings) ? 1 : 0;
}

class VerifyRun {
  readonly findings: Finding[] = [];
  /** Values that the report must not contain, whatever a response echoes. */
  readonly secrets: string[];
  readonly #url: string;
  readonly #options: VerifyOptions;
  readonly #cancel: AbortSignal;
  readonly #headers = new HeaderNames();

  constructor(url: string, options: VerifyOptions, cancel: AbortSignal) {
    this.#url = url;
    this.#options = options;
    this.#cancel = cancel;
    this.secrets = [new URL(url).host, new URL(url).hostname, ...(options.token === undefined ? [] : [options.token])];
  }

  async checkAll(): Promise<void> {
    const probe = this.#probe(TIMEOUT_MILLISECONDS);
    const facts = await gatherFacts(this.#url, probe);
    const { POST: challenge } = facts.challenges;
    if (!isResponse(challenge)) {
      this.#add(fail('reachable', challenge.problem, { why: 'Nothing can be checked.', mend: 'Run holdfast doctor.' }));
      return;
    }
    await this.#addAll(reportOpenTimes(this.#url, facts.metadata.path.url, probe));
    await this.#addAll(checkDashboardFiles(new URL(this.#url).origin, probe));
    if (this.#options.token !== undefined) {
      await this.#checkAsUser(this.#options.token, probe);
      const reason = 'run verify without --token';
      for (const check of ['refresh/rotation', 'sign-in/revocation']) this.#add(notChecked(check, reason));
    } else {
      await this.#signInAndCheck(facts, probe);
    }
    for (const finding of this.#headers.findings()) this.#append(finding);
  }

  async #signInAndCheck(facts: Facts, probe: Probe): Promise<void> {
    const metadata = serverMetadataIn(facts);
    if (metadata === undefined || metadata.issuer !== facts.issuer) {
      const remedy = { why: 'No client can sign in.', mend: 'Run holdfast doctor.' };
      this.#add(fail('sign-in', 'no metadata of an authorization server', remedy));
      return;
    }
    const server = metadata as AuthorizationServer;
    const context: TokenContext = { url: this.#url, server, timeoutMilliseconds: TIMEOUT_MILLISECONDS };
    const signedIn = await this.#signIn(server, facts);
    if (signedIn === undefined) return;
    this.#conceal(signedIn);
    try {
      for (const finding of signedIn.findings) this.#add(finding);
      await this.#checkAsUser(signedIn.accessToken, probe);
      await this.#addAll(checkRefresh(context, signedIn));
    } finally {
      this.#conceal(signedIn);
      // Not cancelled: no access may remain.
      const lastProbe = this.#headers.observing(createProbe(TIMEOUT_MILLISECONDS), this.#url);
      for await (const finding of endAccess(context, signedIn, lastProbe)) this.#append(finding);
    }
  }

  #conceal({ client, accessToken, refreshToken = '' }: SignedIn): void {
    this.secrets.push(client.client_id, accessToken, refreshToken);
  }

  async #signIn(server: AuthorizationServer, facts: Facts): Promise<SignedIn | undefined> {
    try {
      return await authorizeByCode(server, facts, {
        command: 'verify',
        clientId: this.#options.clientId,
        timeoutMilliseconds: TIMEOUT_MILLISECONDS,
        patienceMilliseconds: PATIENCE_MILLISECONDS,
        cancel: this.#cancel,
        announce: (address) => say(`\nOpen this URL in a browser on this computer:\n\n  ${singleLine(address)}\n`),
      });
    } catch (error) {
      if (!(error instanceof SignInFailure)) throw error;
      this.#add(error.finding);
      return undefined;
    }
  }

  async #checkAsUser(token: string, probe: Probe): Promise<void> {
    const url = this.#url;
    await this.#addAll(reportMcpTimes({ url, token, probe }));
    await this.#addAll(checkLegacyEra(url, token, probe));
    await this.#addAll(checkModernEra(url, token, probe));
    const { headers: legacy } = await initializeLegacy(url, token, probe);
    const { silence: silenceSeconds } = this.#options;
    const context: VerifyContext = {
      url,
      token,
      tools: await toolsOf(url, token, probe),
      legacy: legacy?.['mcp-session-id'] === undefined ? undefined : legacy,
      silenceSeconds,
      probe,
      patientProbe: this.#probe(silenceSeconds * 1000 + TIMEOUT_MILLISECONDS),
      cancel: this.#cancel,
    };
    await this.#addAll(checkStepUp(context));
    const progress = this.#showProgress(silenceSeconds);
    try {
      // At the same time: the silent tools decide how long all of them take.
      await Promise.all(
        [
          checkResumption(context),
          checkTask(context),
          checkSilence(context, '2025'),
          checkSilence(context, '2026'),
        ].map(async (finding) => this.#add(await finding)),
      );
    } finally {
      clearInterval(progress);
    }
    if (context.legacy !== undefined) await terminateSession(url, token, probe, context.legacy);
  }

  #showProgress(silenceSeconds: number): NodeJS.Timeout {
    say(`  waiting ${silenceSeconds} s for silent tools`);
    const startedAt = Date.now();
    return setInterval(
      () => say(`  waiting, ${Math.round((Date.now() - startedAt) / 1000)} s of ${silenceSeconds} s`),
      PROGRESS_MILLISECONDS,
    );
  }

  #probe(timeoutMilliseconds: number): Probe {
    return this.#headers.observing(createProbe(timeoutMilliseconds, this.#cancel), this.#url);
  }

  /** Adds the findings as they arrive. */
  async #addAll(findings: AsyncIterable<Finding>): Promise<void> {
    if (this.#cancel.aborted) return;
    for await (const finding of findings) this.#add(finding);
  }

  /** After an interruption a check fails because its requests are cancelled: its finding says nothing about the deployment. */
  #add(finding: Finding): void {
    if (!this.#cancel.aborted) this.#append(finding);
  }

  #append(finding: Finding): void {
    this.findings.push(finding);
    say(findingText(finding));
  }
}

const MOST_PAGES = 20;

async function toolsOf(url: string, token: string, probe: Probe): Promise<ReadonlySet<string>> {
  const names = new Set<string>();
  let cursor: unknown;
  for (let page = 0; page < MOST_PAGES; page++) {
    const params = typeof cursor === 'string' ? { cursor } : {};
    const result = resultIn(await postModern(url, token, probe, { id: 70 + page, method: 'tools/list', params }));
    for (const { name } of (result?.tools ?? []) as { name: string }[]) names.add(name);
    cursor = result?.nextCursor;
    if (typeof cursor !== 'string') break;
  }
  return names;
}
