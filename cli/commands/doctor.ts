#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { ConfigurationError } from '../../lib/settings/configuration-error.ts';
import { judge } from '../doctor/deployment-checks.ts';
import { gather } from '../doctor/deployment-facts.ts';
import type { Finding } from '../doctor/finding.ts';
import { createProbe } from '../doctor/http-probe.ts';
import { signIn } from '../doctor/test-sign-in.ts';

const usage = `Checks a deployment from outside, the way MCP clients do, and says how to mend what is wrong:
npx holdfast doctor URL [options], or npm run doctor -- URL [options]

  URL                the MCP server's: the output McpUrl of the stack, or what npm start prints
  --register         also register a client, as most do; it is forgotten within a day
  --sign-in          also sign in, with you at the browser; call the server in both eras; and revoke the token
  --client-id ID     for --sign-in: a client that you have set up, in place of one that is registered
  --api-host HOST    also see that this host, <api id>.execute-api.<region>.amazonaws.com, lets nobody in
  --timeout SECONDS  for each request (10)
  --json             print one JSON object on stdout, and everything else on stderr
  --help             print this

It ends with 0 if nothing has failed (there may be warnings), with 1 if something has, and with 2 if it was asked
something that it cannot do.

  npx holdfast doctor https://d111111abcdef8.cloudfront.net/mcp
  npx holdfast doctor https://mcp.example.com/mcp --register --sign-in
  npx holdfast doctor http://127.0.0.1:8787/mcp --json | jq '.findings[] | select(.verdict == "fail")'
`;

/** How long a person has to sign in. */
const PATIENCE_MILLISECONDS = 5 * 60 * 1000;

/** @throws Mistake for an option or a value that is not one */
function configuration(args: string[]) {
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        register: { type: 'boolean' },
        'sign-in': { type: 'boolean' },
        'client-id': { type: 'string' },
        'api-host': { type: 'string' },
        timeout: { type: 'string', default: '10' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean' },
      },
    });
    if (values.help) return undefined;
    const [url, ...others] = positionals;
    if (url === undefined || others.length > 0) throw new ConfigurationError('Give one URL.');
    if (!['http:', 'https:'].includes(URL.parse(url)?.protocol ?? '')) {
      throw new ConfigurationError(`${JSON.stringify(url)} is not a URL such as https://mcp.example.com/mcp.`);
    }
    const timeoutMilliseconds = Number(values.timeout) * 1000;
    if (!(timeoutMilliseconds > 0 && timeoutMilliseconds <= 600_000)) {
      throw new ConfigurationError(
        `--timeout is ${JSON.stringify(values.timeout)}: choose seconds above 0 and up to 600.`,
      );
    }
    const apiHost = values['api-host'];
    if (apiHost !== undefined && URL.parse(`https://${apiHost}`)?.host !== apiHost) {
      throw new ConfigurationError(`--api-host is ${JSON.stringify(apiHost)}: write the host alone.`);
    }
    return {
      url,
      timeoutMilliseconds,
      apiHost,
      register: values.register,
      signIn: values['sign-in'],
      clientId: values['client-id'],
      json: values.json,
    };
  } catch (error) {
    throw new ConfigurationError(`${(error as Error).message}\n\n${usage}`, { cause: error });
  }
}

const names = { ok: 'ok', note: 'note', warn: 'WARN', fail: 'FAIL' };

/** One line of text: what a server said may hold what a terminal would obey. */
const plain = (text: string) => text.replace(/\p{Cc}/gu, '\u{fffd}');

function lines({ check, verdict, found, why, mend }: Finding): string {
  const indent = ' '.repeat(8);
  const shown = [`  ${names[verdict].padEnd(6)}${check.padEnd(26)} ${plain(found)}`];
  if (why !== undefined) shown.push(`${indent}Why: ${plain(why)}`);
  if (mend !== undefined) shown.push(`${indent}Do:  ${plain(mend)}`);
  return shown.join('\n');
}

function summary(findings: Finding[]): string {
  const count = (verdict: Finding['verdict']) => findings.filter((each) => each.verdict === verdict).length;
  return `${count('ok')} ok, ${count('warn')} to look at, ${count('fail')} failed`;
}

async function check(args: string[]): Promise<number> {
  const asked = configuration(args);
  if (asked === undefined) {
    process.stdout.write(usage);
    return 0;
  }
  const { url, timeoutMilliseconds, json } = asked;
  const visit = createProbe(timeoutMilliseconds);
  const facts = await gather(url, visit, asked);
  const findings = judge(facts);
  if (!json) process.stdout.write(`${[`Checking ${plain(url)}`, '', ...findings.map(lines)].join('\n')}\n`);
  if (asked.signIn && !findings.some(({ verdict, check }) => verdict === 'fail' && /^(url|reachable)$/.test(check))) {
    const more = await signIn(facts, visit, {
      clientId: asked.clientId,
      timeoutMilliseconds,
      patienceMilliseconds: PATIENCE_MILLISECONDS,
      announce: (address) => process.stderr.write(`\nOpen this in a browser on this computer:\n\n  ${address}\n\n`),
    });
    if (!json) process.stdout.write(`${more.map(lines).join('\n')}\n`);
    findings.push(...more);
  }
  const failed = findings.some(({ verdict }) => verdict === 'fail');
  process.stdout.write(json ? `${JSON.stringify({ url, ok: !failed, findings })}\n` : `\n${summary(findings)}\n`);
  return failed ? 1 : 0;
}

/** @returns the exit code */
export async function run(args: string[]): Promise<number> {
  try {
    return await check(args);
  } catch (error) {
    // A mistake says what to do; anything else is ours, and its stack says where.
    console.error(error instanceof ConfigurationError ? error.message : error);
    return 2;
  }
}

if (import.meta.main) process.exitCode = await run(process.argv.slice(2));
