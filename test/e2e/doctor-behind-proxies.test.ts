import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { certificateUntil } from '../../bench/harness/certificate.ts';
import type { Finding } from '../../cli/doctor/finding.ts';
import { approveAndSignIn } from '../../local/testing/form-browser.ts';
import { startCli } from '../support/cli-process.ts';
import { FaultyProxy, type ProxyFault } from '../support/faulty-proxy.ts';
import { problems } from '../support/scripted-deployment.ts';
import { TestCloud } from '../support/test-cloud.ts';

/** Faults of proxies in front of a deployment, and expired certificates: doctor names each, with a remedy. */

jest.setTimeout(120_000);

let emulator: TestCloud;
let proxy: FaultyProxy;
beforeAll(async () => {
  emulator = await TestCloud.start();
  proxy = await FaultyProxy.start(emulator.origin);
});
afterAll(async () => {
  proxy?.close();
  await emulator?.stop();
});

type Report = { ok: boolean; findings: Finding[] };

/** Checks the emulator through the proxy. */
async function checked(...args: string[]): Promise<Finding[]> {
  const environment = { NODE_USE_ENV_PROXY: '1', HTTP_PROXY: proxy.origin };
  const child = startCli(['doctor', emulator.mcpUrl, '--json', ...args], environment);
  let printed = '';
  child.stderr.setEncoding('utf8').on('data', async (more: string) => {
    printed += more;
    const [, address] = /^ {2}(http\S+)\n/m.exec(printed) ?? [];
    if (address === undefined) return;
    printed = '';
    await fetch(await approveAndSignIn(address, 'ada'));
  });
  return ((await json(child.stdout)) as Report).findings;
}

const signedIn = ['--sign-in', '--progress-tool', 'slow_task'];

/** Adds a header to requests or responses, or removes it. */
const header =
  (name: string, value?: string, only = /^/) =>
  (headers: Record<string, unknown>, path: string) => {
    if (!only.test(path)) return;
    if (value === undefined) delete headers[name];
    else headers[name] = value;
  };

const otherKeys = JSON.stringify({
  // The example of RFC 7517, appendix A.1.
  keys: [
    {
      kty: 'EC',
      crv: 'P-256',
      x: 'MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4',
      y: '4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM',
      use: 'sig',
      kid: 'other',
      alg: 'ES256',
    },
  ],
});
const expiredKeys = JSON.stringify({ keys: [{ ...JSON.parse(otherKeys).keys[0], exp: 1 }] });

const faults: [what: string, fault: () => ProxyFault, args: string[], advice: RegExp, ...found: string[]][] = [
  ['nothing', () => ({}), signedIn, /^$/],
  ['buffers responses', () => ({ buffers: true }), signedIn, /buffering/, 'fail 2026/progress'],
  [
    'marks responses of /mcp as public',
    () => ({ response: header('cache-control', 'public, max-age=60', /^\/mcp/) }),
    [],
    /caching rule/,
    'fail cache/mcp',
  ],
  [
    'holds keys other than those that sign',
    () => ({ body: (path) => (path === '/jwks.json' ? otherKeys : undefined) }),
    signedIn,
    /invalidate \/jwks\.json/,
    'fail sign-in/key',
  ],
  [
    'strips the session header of requests',
    () => ({ request: header('mcp-session-id') }),
    signedIn,
    /forward Mcp-Session-Id/,
    'fail 2025/session',
  ],
  [
    'strips Authorization of requests',
    () => ({ request: header('authorization') }),
    signedIn,
    /forward Authorization/,
    'fail 2025/initialize',
    'fail 2026/discover',
    'fail 2025/listen',
  ],
  ['strips cookies of requests', () => ({ request: header('cookie') }), [], /forward Cookie/, 'fail cookies'],
  ['strips cookies of responses', () => ({ response: header('set-cookie') }), [], /pass Set-Cookie/, 'fail cookies'],
  [
    'redirects the sign-in to itself',
    () => ({
      response: (headers, path) => {
        if (path === '/dashboard/sign-in')
          headers.location = headers.location!.replace(/^https?:\/\/[^/]+/, emulator.origin);
      },
    }),
    [],
    /keep Location/,
    'fail redirect/provider',
  ],
  [
    'cuts the query of redirects',
    () => ({
      response: (headers) => {
        headers.location &&= headers.location.split('?')[0];
      },
    }),
    [],
    /keep Location/,
    'fail redirect/provider',
  ],
  [
    'returns users to an internal host',
    () => ({
      response: (headers) => {
        headers.location &&= headers.location.replace(encodeURIComponent(emulator.origin), 'http%3A%2F%2Fapi.internal');
      },
    }),
    [],
    /Set domain/,
    'fail redirect/callback',
  ],
  [
    'holds an expired key',
    () => ({ body: (path) => (path === '/jwks.json' ? expiredKeys : undefined) }),
    [],
    /Rotate the key/,
    'fail keys',
  ],
];

test.each(faults)('reports a proxy that %s', async (_what, fault, args, advice, ...expected) => {
  proxy.fault = fault();
  const findings = await checked(...args);
  expect(problems(findings)).toEqual(expected);
  const remedies = findings.filter(({ verdict }) => verdict === 'fail').map(({ mend }) => mend);
  for (const mend of remedies) expect(mend).toMatch(advice);
});

describe('a certificate', () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-certificate-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  /** The finding of a check of a TLS proxy whose certificate ends after so many days. */
  async function findingOf(check: string, days: number): Promise<Finding | undefined> {
    const certificate = await certificateUntil(new Date(Date.now() + days * 86_400_000));
    const authority = join(folder, `${days}.pem`);
    writeFileSync(authority, certificate.cert);
    const tls = await FaultyProxy.start(emulator.origin, certificate);
    try {
      tls.fault = { request: header('host', new URL(emulator.origin).host) };
      const child = startCli(['doctor', `${tls.origin}/mcp`, '--json'], { NODE_EXTRA_CA_CERTS: authority });
      const { findings } = (await json(child.stdout)) as Report;
      return findings.find((finding) => finding.check === check);
    } finally {
      tls.close();
    }
  }

  test('that has expired is reported with its renewal', async () => {
    expect(await findingOf('reachable', -1)).toMatchObject({
      found: 'CERT_HAS_EXPIRED',
      mend: expect.stringContaining('Renew it'),
    });
  });

  test('that expires soon is reported before it does', async () => {
    expect(await findingOf('certificate', 3.5)).toMatchObject({ verdict: 'warn', found: 'expires in 3 days' });
  });
});
