import type { AuthorizationServer } from 'oauth4webapi';
import type { Finding } from '../../cli/doctor/finding.ts';
import type { Probe, ProbeResult } from '../../cli/doctor/http-probe.ts';
import { createProbe } from '../../cli/doctor/http-probe.ts';
import { checkDashboardFiles } from '../../cli/verify/edge-checks.ts';
import { checkResumption } from '../../cli/verify/stream-checks.ts';
import { checkRefresh, endAccess } from '../../cli/verify/token-checks.ts';
import { checkSilence, checkStepUp, checkTask } from '../../cli/verify/tool-checks.ts';
import type { VerifyContext } from '../../cli/verify/verify-context.ts';
import { type Reply, ScriptedDeployment } from '../support/scripted-deployment.ts';

const url = 'https://mcp.example/mcp';

async function outcomes(findings: AsyncIterable<Finding>): Promise<string[]> {
  const found: string[] = [];
  for await (const { verdict, check } of findings) found.push(`${verdict} ${check}`);
  return found;
}

/** A probe with one response to every request. */
const answering =
  (status: number, body: unknown, headers: Record<string, string> = {}): Probe =>
  async (at) => ({
    method: 'POST',
    url: at,
    status,
    headers,
    body: typeof body === 'string' ? body : JSON.stringify(body),
    isPartial: false,
    milliseconds: 1,
    receivedAt: 0,
  });

const failing: Probe = async (at): Promise<ProbeResult> => ({ method: 'POST', url: at, problem: 'ECONNRESET' });

const contextWith = (probe: Probe, change: Partial<VerifyContext> = {}): VerifyContext => ({
  url,
  token: 't',
  tools: new Set(['verify_wait', 'verify_task', 'verify_scope']),
  legacy: { 'mcp-session-id': 's' },
  silenceSeconds: 130,
  probe,
  patientProbe: probe,
  cancel: new AbortController().signal,
  ...change,
});

const result = (value: object) => ({ jsonrpc: '2.0', id: 1, result: value });

describe('checkSilence', () => {
  test.each<[string, Probe]>([
    ['the connection is reset', failing],
    ['the gateway times out', answering(504, { message: 'Endpoint request timed out' })],
    ['the stream ends without a result', answering(200, ': keep-alive\n\n', { 'content-type': 'text/event-stream' })],
    ['the tool returns an error', answering(200, result({ content: [], isError: true }))],
  ])('fails when %s', async (_what, probe) => {
    expect((await checkSilence(contextWith(probe), '2025')).verdict).toBe('fail');
    expect((await checkSilence(contextWith(probe), '2026')).verdict).toBe('fail');
  });

  test('counts the heartbeats of a stream with a result', async () => {
    const body = `: keep-alive\n\n: keep-alive\n\ndata: ${JSON.stringify(result({ content: [] }))}\n\n`;
    const probe = answering(200, body, { 'content-type': 'text/event-stream' });
    expect((await checkSilence(contextWith(probe), '2026')).found).toMatch(/2 heartbeats$/);
  });

  test('checks nothing in the 2025 era without a session', async () => {
    const { found } = await checkSilence(contextWith(failing, { legacy: undefined }), '2025');
    expect(found).toBe('not checked: initialize started no session');
  });
});

describe('checkTask', () => {
  test.each<[string, Probe]>([
    ['no task is created', answering(200, result({ content: [] }))],
    ['the task fails', answering(200, result({ taskId: 'x', status: 'failed' }))],
  ])('fails when %s', async (_what, probe) => {
    expect((await checkTask(contextWith(probe))).verdict).toBe('fail');
  });
});

describe('checkStepUp', () => {
  const challenge = 'Bearer error="insufficient_scope", scope="mcp verify"';

  test.each<[string, Probe, string[]]>([
    [
      'accepts a renamed challenge from the server in the 2025 era alone',
      answering(403, {}, { 'x-amzn-remapped-www-authenticate': challenge }),
      ['fail 2026/step-up', 'ok 2025/step-up'],
    ],
    [
      'accepts the challenge of the gateway',
      answering(403, {}, { 'www-authenticate': challenge }),
      ['ok 2026/step-up', 'ok 2025/step-up'],
    ],
    [
      'fails for a challenge of the gateway with another error',
      answering(403, {}, { 'www-authenticate': 'Bearer error="invalid_token"' }),
      ['fail 2026/step-up', 'ok 2025/step-up'],
    ],
    ['fails for another status', answering(401, {}), ['fail 2026/step-up', 'fail 2025/step-up']],
    [
      'checks nothing with a token that has the scope',
      answering(200, result({ content: [] })),
      ['note 2026/step-up', 'note 2025/step-up'],
    ],
  ])('%s', async (_what, probe, expected) => {
    expect(await outcomes(checkStepUp(contextWith(probe)))).toEqual(expected);
  });

  test('names the header with which the challenge arrives', async () => {
    const probe = answering(403, {}, { 'x-amzn-remapped-www-authenticate': challenge });
    for await (const { found } of checkStepUp(contextWith(probe))) {
      expect(found).toBe('403, x-amzn-remapped-www-authenticate: Bearer …');
    }
  });
});

describe('checkDashboardFiles', () => {
  const page = '<script type="module" src="/dashboard/app-1.js"></script>';
  const serving =
    (script: Probe): Probe =>
    (at, request) =>
      at.endsWith('.js') ? script(at, request) : answering(200, page)(at, request);

  test.each<[string, Probe, string]>([
    ['accepts a readable script', answering(200, 'import "x";\n'), 'ok'],
    ['fails for compressed bytes that are not decoded', answering(200, '\u001f\u{fffd}\b\u0000'), 'fail'],
    ['fails for base64 in place of bytes', answering(500, 'H4sIAAAA'), 'fail'],
    ['fails when the body cannot be decoded', failing, 'fail'],
  ])('%s', async (_what, script, verdict) => {
    expect(await outcomes(checkDashboardFiles('https://mcp.example', serving(script)))).toEqual([
      `${verdict} dashboard/script`,
    ]);
  });

  test('checks nothing without a dashboard', async () => {
    const probe = answering(404, {});
    expect(await outcomes(checkDashboardFiles('https://mcp.example', probe))).toEqual(['note dashboard/script']);
  });
});

describe('with a scripted server', () => {
  const deployment = new ScriptedDeployment();
  beforeAll(() => deployment.start());
  afterAll(() => deployment.stop());
  beforeEach(() => deployment.reset());

  const json = (status: number, body: object): Reply => ({
    status,
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
  const events = (...blocks: string[]): Reply => ({
    status: 200,
    headers: { 'Content-Type': 'text/event-stream' },
    body: blocks.map((block) => `${block}\n\n`).join(''),
  });
  const eventWith = (message: object) => `id: e.2\ndata: ${JSON.stringify({ jsonrpc: '2.0', ...message })}`;

  describe('checkResumption', () => {
    const resumed = async (post: Reply, get: Reply) => {
      deployment.replies['POST /mcp with a token'] = post;
      deployment.replies['GET /mcp with a token'] = get;
      return checkResumption(contextWith(failing, { url: deployment.url() }));
    };
    const begun: Reply = { ...events('id: e.1\nretry: 1\ndata: '), staysOpen: true };

    test('succeeds when the resumed stream has the result', async () => {
      expect(await resumed(begun, events(eventWith({ id: 40, result: { content: [] } })))).toMatchObject({
        verdict: 'ok',
        found: 'the result arrived after the connection was dropped, in 1 requests',
      });
    });

    test('resumes after the last event that arrived', async () => {
      deployment.first['GET /mcp with a token'] = [events('id: e.2\nretry: 1\ndata: ')];
      expect(await resumed(begun, events(eventWith({ id: 40, result: { content: [] } })))).toMatchObject({
        verdict: 'ok',
        found: 'the result arrived after the connection was dropped, in 2 requests',
      });
      expect(deployment.headers['GET /mcp']).toMatchObject({ 'last-event-id': 'e.2' });
    });

    test.each<[string, Reply, Reply, string]>([
      ['the stream is unknown', begun, json(404, {}), 'GET with Last-Event-ID was answered with 404'],
      [
        'the call was interrupted',
        begun,
        events(eventWith({ id: 40, error: { code: -32603, message: 'interrupted' } })),
        'the resumed stream has no result: Error: interrupted',
      ],
      ['the call has no event id', json(200, {}), begun, 'the call was answered with 200 and no event id'],
    ])('fails when %s', async (_what, post, get, found) => {
      expect(await resumed(post, get)).toMatchObject({ verdict: 'fail', found });
    });
  });

  describe('token checks', () => {
    const context = () => ({
      url: deployment.url(),
      server: {
        issuer: deployment.origin,
        token_endpoint: `${deployment.origin}/token`,
        revocation_endpoint: `${deployment.origin}/revoke`,
      } as AuthorizationServer,
      timeoutMilliseconds: 500,
    });
    const signedIn = () => ({ client: { client_id: 'c' }, accessToken: 't', refreshToken: 'r', findings: [] });
    const tokens = { access_token: 't2', token_type: 'bearer', expires_in: 60, refresh_token: 'r2' };

    test('a refresh replaces the tokens that the end of the run revokes', async () => {
      deployment.replies['POST /token'] = json(200, tokens);
      const access = signedIn();
      expect(await outcomes(checkRefresh(context(), access))).toEqual(['ok refresh/rotation', 'ok refresh/repeated']);
      expect(access).toMatchObject({ accessToken: 't2', refreshToken: 'r2' });
    });

    test('a repeated refresh with another successor fails', async () => {
      deployment.first['POST /token'] = [json(200, tokens)];
      deployment.replies['POST /token'] = json(200, { ...tokens, refresh_token: 'r3' });
      expect(await outcomes(checkRefresh(context(), signedIn()))).toEqual([
        'ok refresh/rotation',
        'fail refresh/repeated',
      ]);
    });

    test('a rejected refresh fails', async () => {
      deployment.replies['POST /token'] = json(400, { error: 'invalid_grant' });
      expect(await outcomes(checkRefresh(context(), signedIn()))).toEqual(['fail refresh/rotation']);
    });

    test('a provider of direct mode receives each refresh token once', async () => {
      deployment.replies['POST /token'] = json(200, tokens);
      const direct = { ...context(), server: { ...context().server, issuer: 'https://provider.example' } };
      expect(await outcomes(checkRefresh(direct, signedIn()))).toEqual(['ok refresh/rotation']);
    });

    test('a revoked refresh token that still issues tokens fails', async () => {
      deployment.replies['POST /token'] = json(200, tokens);
      deployment.replies['POST /revoke'] = json(200, {});
      deployment.replies['POST /mcp with a token'] = json(401, {});
      expect(await outcomes(endAccess(context(), signedIn(), createProbe(500)))).toEqual([
        'ok sign-in/revocation',
        'ok revocation/challenge',
        'fail revocation/refresh',
      ]);
    });

    test('a revoked refresh token that is rejected with another error fails', async () => {
      deployment.replies['POST /token'] = json(400, { error: 'invalid_request' });
      deployment.replies['POST /revoke'] = json(200, {});
      deployment.replies['POST /mcp with a token'] = json(401, {});
      expect(await outcomes(endAccess(context(), signedIn(), createProbe(500)))).toContain('fail revocation/refresh');
    });

    test('an access token that is admitted after its revocation is a warning, and the refresh token is revoked', async () => {
      deployment.replies['POST /token'] = json(400, { error: 'invalid_grant' });
      deployment.replies['POST /revoke'] = json(200, {});
      deployment.replies['POST /mcp with a token'] = json(200, {});
      expect(await outcomes(endAccess(context(), signedIn(), createProbe(500)))).toEqual([
        'warn sign-in/revocation',
        'note revocation/challenge',
        'ok revocation/refresh',
      ]);
      expect(deployment.bodies['POST /revoke']).toContain('token=r');
    });
  });
});
