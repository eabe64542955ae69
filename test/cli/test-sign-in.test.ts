import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import type { Finding } from '../../cli/doctor/finding.ts';
import { createProbe } from '../../cli/doctor/http-probe.ts';
import { testSignIn } from '../../cli/doctor/test-sign-in.ts';
import { problems, type Reply, ScriptedDeployment } from '../support/scripted-deployment.ts';

const deployment = new ScriptedDeployment();
const { facts, reply, document, onMetadata } = deployment;

beforeAll(() => deployment.start());
afterAll(() => deployment.stop());
beforeEach(() => deployment.reset());

describe('testSignIn', () => {
  const answer = (status: number, body: object = {}, headers: Record<string, string> = {}): Reply => ({
    status,
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  const result = (id: number, of: object) => ({ jsonrpc: '2.0', id, result: of });

  beforeEach(() => {
    document('POST /register', (json) => Object.assign(json, { client_id: 'by-hand' }));
    deployment.replies['POST /token'] = answer(200, {
      access_token: 't',
      token_type: 'Bearer',
      expires_in: 60,
      refresh_token: 'r',
    });
    deployment.replies['POST /mcp with a token'] = answer(500);
    deployment.replies['GET /mcp with a token'] = answer(405);
    deployment.replies['POST /revoke'] = answer(200);
    onMetadata((json) => Object.assign(json, { revocation_endpoint: `${deployment.origin}/revoke` }))();
  });

  /** Signs in with a browser that approves. @param change of the authorization response */
  async function findingsOfSignIn(change: Record<string, string> = {}): Promise<Finding[]> {
    return testSignIn(await facts(), createProbe(500), {
      command: 'doctor',
      announce(address) {
        const { redirect_uri, state } = Object.fromEntries(new URL(address).searchParams);
        const back = new URLSearchParams({ code: 'c', state: state!, iss: deployment.origin, ...change });
        if (change.code !== 'lost') void fetch(`${redirect_uri}?${back}`);
      },
      patienceMilliseconds: 500,
      timeoutMilliseconds: 500,
    });
  }
  const problemsOfSignIn = async (change?: Record<string, string>) => problems(await findingsOfSignIn(change));
  const bothErasFail = ['fail 2025/initialize', 'fail 2026/discover'];

  test('reports that both eras fail and that a revoked token is admitted', async () => {
    expect(await problemsOfSignIn()).toEqual([...bothErasFail, 'warn sign-in/revocation']);
  });

  test('registers with the scope that it then requests, as the MCP SDK does', async () => {
    await problemsOfSignIn();
    expect(JSON.parse(deployment.bodies['POST /register']!)).toMatchObject({ scope: 'mcp' });
  });

  test('reports a missing session and missing tools', async () => {
    deployment.replies['POST /mcp with a token'] = answer(
      200,
      result(1, { protocolVersion: '2025-11-25', supportedVersions: ['2026-07-28'] }),
    );
    expect(await problemsOfSignIn()).toEqual([
      'warn 2025/initialize',
      'fail 2025/tools',
      'fail 2026/tools',
      'warn sign-in/revocation',
    ]);
  });

  test('reports that a session cannot be terminated', async () => {
    const all = { protocolVersion: '2025-11-25', supportedVersions: ['2026-07-28'], tools: [] };
    deployment.replies['POST /mcp with a token'] = answer(200, result(1, all), { 'Mcp-Session-Id': 's' });
    expect(await problemsOfSignIn()).toEqual(['warn 2025/end', 'warn sign-in/revocation']);
  });

  test('reports that the server receives no token', async () => {
    deployment.replies['POST /mcp with a token'] = answer(401, {}, { 'WWW-Authenticate': 'Bearer' });
    expect(await problemsOfSignIn()).toEqual(bothErasFail);
  });

  test('reports that the server receives no session id', async () => {
    const initialized = answer(200, result(1, { protocolVersion: '2025-11-25' }), { 'Mcp-Session-Id': 's' });
    const rejected = answer(400, { error: { message: 'Bad Request: Mcp-Session-Id is missing' } });
    deployment.first['POST /mcp with a token'] = [initialized, answer(202), rejected];
    expect(await problemsOfSignIn()).toContain('fail 2025/session');
  });

  test('reports a response to a signed-in client that caches may store', async () => {
    const initialized = result(1, { protocolVersion: '2025-11-25' });
    deployment.replies['POST /mcp with a token'] = answer(200, initialized, { 'Cache-Control': 'public' });
    expect(await problemsOfSignIn()).toContain('fail 2025/cache');
  });

  test.each([
    ['a published key', 'ok', false],
    ['no published key', 'fail', true],
  ])('reports an access token that %s verifies', async (_what, verdict, isOther) => {
    const [signing, other] = await Promise.all([generateKeyPair('ES256'), generateKeyPair('ES256')]);
    const published = { ...(await exportJWK((isOther ? other : signing).publicKey)), kid: '1', alg: 'ES256' };
    document('GET /jwks.json', (json) => Object.assign(json, { keys: [published] }));
    const token = await new SignJWT({}).setProtectedHeader({ alg: 'ES256', kid: '1' }).sign(signing.privateKey);
    document('POST /token', (json) => Object.assign(json, { access_token: token }));
    expect((await findingsOfSignIn()).find(({ check }) => check === 'sign-in/key')?.verdict).toBe(verdict);
  });

  test('reports a GET that returns a page', async () => {
    deployment.replies['GET /mcp with a token'] = answer(200);
    expect(await problemsOfSignIn()).toContain('fail 2025/listen');
  });

  test('reports that revocation fails', async () => {
    deployment.replies['POST /revoke'] = answer(503);
    expect(await problemsOfSignIn()).toEqual([...bothErasFail, 'fail sign-in/revocation']);
  });

  test.each<[string, () => void, Record<string, string>, string]>([
    [
      'the registration is rejected',
      () => Object.assign(reply('POST /register'), { status: 400 }),
      {},
      'fail sign-in/registration',
    ],
    ['the response has another issuer', () => undefined, { iss: 'https://evil.example' }, 'fail sign-in/answer'],
    ['the response has another state', () => undefined, { state: 'x' }, 'fail sign-in/answer'],
    ['the browser does not return', () => undefined, { code: 'lost' }, 'fail sign-in/answer'],
    [
      'the code is rejected',
      () => Object.assign(deployment.replies, { 'POST /token': answer(400, { error: 'invalid_grant' }) }),
      {},
      'fail sign-in/token',
    ],
  ])('stops when %s', async (_what, breakIt, change, problem) => {
    breakIt();
    expect(await problemsOfSignIn(change)).toEqual([problem]);
  });

  test('reports a missing refresh token', async () => {
    deployment.replies['POST /token'] = answer(200, { access_token: 't', token_type: 'Bearer' });
    expect(await problemsOfSignIn()).toContain('warn sign-in/refresh');
  });
});
