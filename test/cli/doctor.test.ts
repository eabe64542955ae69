import { execFile, spawn } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { newCertificate } from '../../bench/harness/certificate.ts';
import { approveAndSignIn } from '../../bench/harness/form-browser.ts';
import { projectRoot } from '../../bench/harness/project-copy.ts';
import { judge } from '../../cli/doctor/deployment-checks.ts';
import { type Facts, gather } from '../../cli/doctor/deployment-facts.ts';
import type { Finding } from '../../cli/doctor/finding.ts';
import { createProbe } from '../../cli/doctor/http-probe.ts';
import { signIn } from '../../cli/doctor/test-sign-in.ts';
import { TestCloud } from '../support/test-cloud.ts';

jest.setTimeout(60_000);

/** What is not as it should be. */
const complaints = (findings: Finding[]) =>
  findings
    .filter(({ verdict }) => verdict === 'warn' || verdict === 'fail')
    .map(({ verdict, check }) => `${verdict} ${check}`);

type Reply = { status: number; headers: Record<string, string>; body: string; hangs?: true; silent?: true };
type Replies = Record<string, Reply>;

describe('a deployment that is broken in one place', () => {
  let server: Server;
  let origin: string;
  let replies: Replies;
  let forRegistered: Reply | undefined;

  beforeAll(async () => {
    server = createServer((request, response) => {
      const path = request.url!.split('?')[0]!;
      const name = `${request.method} ${path}`;
      const isRegistered = request.method === 'GET' && request.url!.includes('client_id=dcr');
      const withToken = request.headers.authorization === undefined ? undefined : replies[`${name} with a token`];
      const reply = (isRegistered && forRegistered) || withToken || replies[name];
      const { status, headers, body, hangs, silent }: Reply = reply ?? { status: 404, headers: {}, body: '' };
      if (silent) return;
      response.writeHead(status, headers);
      if (hangs) response.write(body);
      else response.end(request.method === 'HEAD' ? undefined : body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });
  beforeEach(() => {
    replies = healthy(origin);
    forRegistered = undefined;
  });

  const url = () => `${origin}/mcp`;
  const facts = (options = { register: true }) => gather(url(), createProbe(500), options);
  const reply = (name: string) => replies[name]!;
  const document = (name: string, change: (json: Record<string, unknown>) => void) => {
    const json = JSON.parse(reply(name).body);
    change(json);
    reply(name).body = JSON.stringify(json);
  };
  const path = 'GET /.well-known/oauth-protected-resource/mcp';
  const root = 'GET /.well-known/oauth-protected-resource';
  const oauth = 'GET /.well-known/oauth-authorization-server';
  const openid = 'GET /.well-known/openid-configuration';
  const onMetadata = (change: (json: Record<string, unknown>) => void) => () => {
    document(oauth, change);
    document(openid, change);
  };
  const challenge = (value: string | undefined, method = 'POST') => {
    const { headers } = reply(`${method} /mcp`);
    if (value === undefined) delete headers['WWW-Authenticate'];
    else headers['WWW-Authenticate'] = value;
  };

  test('is sound where nothing is', async () => {
    const findings = judge(await facts());
    expect(complaints(findings)).toEqual([]);
    expect(findings.map(({ check }) => check)).toEqual(
      expect.arrayContaining(['registration', 'authorize/foreign-redirect']),
    );
  });

  const broken: [what: string, wreck: () => unknown, ...complaints: string[]][] = [
    ['GET does not challenge', () => Object.assign(reply('GET /mcp'), { status: 405 }), 'fail challenge/GET'],
    ['HEAD is not found', () => Object.assign(reply('HEAD /mcp'), { status: 404 }), 'fail challenge/HEAD'],
    ['DELETE needs no token', () => Object.assign(reply('DELETE /mcp'), { status: 204 }), 'fail challenge/DELETE'],
    ['a firewall refuses POST', () => Object.assign(reply('POST /mcp'), { status: 403 }), 'fail challenge/POST'],
    ['GET is throttled', () => Object.assign(reply('GET /mcp'), { status: 429 }), 'fail challenge/GET'],
    ['the authorizer fails', () => Object.assign(reply('GET /mcp'), { status: 503 }), 'fail challenge/GET'],
    ['GET is a bad request', () => Object.assign(reply('GET /mcp'), { status: 400 }), 'fail challenge/GET'],
    ['GET leads elsewhere', () => Object.assign(reply('GET /mcp'), { status: 308 }), 'fail challenge/GET'],
    ['the 401 has no end', () => Object.assign(reply('GET /mcp'), { hangs: true }), 'fail challenge/GET'],
    ['HEAD is never answered', () => Object.assign(reply('HEAD /mcp'), { silent: true }), 'fail challenge/HEAD'],
    [
      'a function sent the challenge, and the gateway renamed it',
      () => {
        challenge(undefined, 'GET');
        reply('GET /mcp').headers['x-amzn-Remapped-WWW-Authenticate'] = 'Bearer';
      },
      'fail challenge/GET',
    ],
    ['there is no challenge', () => challenge(undefined), 'fail challenge/POST'],
    ['the challenge is of another scheme', () => challenge('Basic realm="x"'), 'fail challenge/POST'],
    ['the challenge names no metadata', () => challenge('Bearer scope="mcp"'), 'fail challenge/POST'],
    [
      'the challenge names a path',
      () => challenge('Bearer resource_metadata="/x", scope="mcp"'),
      'fail challenge/POST',
    ],
    [
      'the challenge names another document',
      () => challenge(`Bearer resource_metadata="${origin}/elsewhere", scope="mcp"`),
      'warn challenge/POST',
      'fail metadata/named',
    ],
    [
      'the challenge names no scope',
      () => challenge(`Bearer resource_metadata="${origin}/.well-known/oauth-protected-resource/mcp"`),
      'warn challenge/POST',
    ],
    [
      'the challenge speaks of an error',
      () => challenge(`${reply('POST /mcp').headers['WWW-Authenticate']}, error="invalid_token"`),
      'warn challenge/POST',
    ],
    ['the metadata is not below the path', () => delete replies[path], 'fail metadata/path'],
    ['the metadata is not at the root', () => delete replies[root], 'warn metadata/root'],
    ['the metadata needs a token', () => Object.assign(reply(path), { status: 401 }), 'fail metadata/path'],
    ['the metadata is a web page', () => Object.assign(reply(path), { body: '<html>' }), 'fail metadata/path'],
    [
      'the metadata is another server’s',
      () => document(path, (json) => Object.assign(json, { resource: `${url()}/` })),
      'fail metadata/path',
    ],
    [
      'nobody lets in',
      () => document(path, (json) => Object.assign(json, { authorization_servers: [] })),
      'fail metadata/path',
    ],
    [
      'the metadata is called text',
      () => Object.assign(reply(path).headers, { 'Content-Type': 'text/plain' }),
      'warn metadata/path',
    ],
    [
      'pages may not read the metadata',
      () => delete reply(path).headers['Access-Control-Allow-Origin'],
      'warn metadata/path',
    ],
    [
      'the metadata may not be kept',
      () => Object.assign(reply(path).headers, { 'Cache-Control': 'no-store' }),
      'warn metadata/path',
    ],
    ['the issuer’s metadata is gone', () => [delete replies[oauth], delete replies[openid]], 'fail issuer'],
    ['only OpenID discovery is there', () => delete replies[oauth], 'fail discovery/oauth'],
    ['OpenID discovery is not there', () => delete replies[openid], 'fail discovery/openid'],
    [
      'the issuer calls itself another',
      onMetadata((json) => Object.assign(json, { issuer: `${origin}/` })),
      'fail issuer',
    ],
    ['there is no token endpoint', onMetadata((json) => delete json.token_endpoint), 'fail server/token'],
    [
      'the authorization endpoint is http',
      onMetadata((json) => Object.assign(json, { authorization_endpoint: 'http://login.example/authorize' })),
      'fail server/authorization',
      'fail authorize/unknown-client',
      'fail authorize/foreign-redirect',
    ],
    [
      'PKCE is not S256',
      onMetadata((json) => Object.assign(json, { code_challenge_methods_supported: ['plain'] })),
      'fail server/pkce',
    ],
    [
      'clients need secrets',
      onMetadata((json) => delete json.token_endpoint_auth_methods_supported),
      'warn server/public-clients',
    ],
    [
      'there is no code flow',
      onMetadata((json) => Object.assign(json, { response_types_supported: ['token'] })),
      'fail server/code',
    ],
    ['nothing is refreshed', onMetadata((json) => delete json.grant_types_supported), 'warn server/refresh'],
    [
      'answers do not say whose they are',
      onMetadata((json) => delete json.authorization_response_iss_parameter_supported),
      'warn server/iss',
    ],
    [
      'clients bring no documents',
      onMetadata((json) => delete json.client_id_metadata_document_supported),
      'warn server/client-documents',
    ],
    ['clients do not register', onMetadata((json) => delete json.registration_endpoint), 'warn server/registration'],
    [
      'clients have no way in',
      onMetadata((json) => [delete json.registration_endpoint, delete json.client_id_metadata_document_supported]),
      'warn server/admission',
    ],
    ['there is no key set', onMetadata((json) => delete json.jwks_uri), 'fail keys'],
    ['the key set is empty', () => Object.assign(reply('GET /jwks.json'), { body: '{"keys":[]}' }), 'fail keys'],
    [
      'the key set is private',
      () => Object.assign(reply('GET /jwks.json'), { body: '{"keys":[{"kty":"EC","d":"x"}]}' }),
      'fail keys',
    ],
    [
      'anybody is sent a code',
      () =>
        Object.assign(reply('GET /authorize'), {
          status: 302,
          headers: { Location: 'https://foreign.example/callback?error=x' },
        }),
      'fail authorize/unknown-client',
      'fail authorize/foreign-redirect',
      'fail pages/framing',
      'warn pages/policy',
      'warn pages/cache',
    ],
    [
      'a registered client’s code goes to anybody',
      () => {
        forRegistered = { status: 302, headers: { Location: 'https://foreign.example/callback?code=x' }, body: '' };
      },
      'fail authorize/foreign-redirect',
    ],
    [
      'sign-in fails',
      () => Object.assign(reply('GET /authorize'), { status: 500 }),
      'fail authorize/unknown-client',
      'fail authorize/foreign-redirect',
    ],
    ['the page may be framed', () => policy("default-src 'none'"), 'fail pages/framing'],
    ['the page may run things', () => policy("frame-ancestors 'none'"), 'warn pages/policy'],
    ['the page is kept', () => delete reply('GET /authorize').headers['Cache-Control'], 'warn pages/cache'],
    ['registration fails', () => Object.assign(reply('POST /register'), { status: 400 }), 'fail registration'],
    [
      'registration answers null',
      () => document('POST /register', (json) => Object.assign(json, { client_uri: null })),
      'fail registration',
    ],
    [
      'a secret has no end',
      () => document('POST /register', (json) => Object.assign(json, { client_secret: 'x' })),
      'fail registration',
    ],
    ['there are no preflights', () => delete replies['OPTIONS /mcp'], 'warn cors/mcp'],
    [
      'pages may not come',
      () => delete reply('OPTIONS /token').headers['Access-Control-Allow-Origin'],
      'warn cors/token',
    ],
    [
      'pages may not send a token',
      () => Object.assign(reply('OPTIONS /mcp').headers, { 'Access-Control-Allow-Headers': '*' }),
      'warn cors/mcp',
    ],
    [
      'pages come with cookies',
      () => Object.assign(reply('OPTIONS /register').headers, { 'Access-Control-Allow-Credentials': 'true' }),
      'fail cors/register',
    ],
    [
      'pages may not read the challenge',
      () => delete reply('POST /mcp').headers['Access-Control-Expose-Headers'],
      'warn cors/challenge',
    ],
    [
      'its clock is wrong',
      () => Object.assign(reply(path).headers, { Date: new Date(Date.now() - 7200_000).toUTCString() }),
      'warn clock',
    ],
  ];
  const policy = (value: string) => {
    Object.assign(reply('GET /authorize').headers, { 'Content-Security-Policy': value });
    delete reply('GET /authorize').headers['X-Frame-Options'];
  };

  test.each(broken)('%s', async (_what, wreck, ...expected) => {
    wreck();
    const findings = judge(await facts());
    expect(complaints(findings)).toEqual(expected);
    for (const { verdict, why, mend } of findings) {
      if (verdict === 'warn' || verdict === 'fail')
        expect([why, mend]).toEqual([expect.any(String), expect.any(String)]);
    }
  });

  test('does not answer at all', async () => {
    const nobody = await gather('http://127.0.0.1:9/mcp', createProbe(500));
    expect(complaints(judge(nobody))).toEqual(['fail reachable']);
  });

  test.each(['/mcp/', '/mcp?x=1'])('is not at %s', async (wrong) => {
    replies[`POST ${wrong.split('?')[0]}`] = reply('POST /mcp');
    expect(complaints(judge(await gather(`${origin}${wrong}`, createProbe(500))))).toContain('fail url');
  });

  describe('behind TLS', () => {
    /** The same facts, as if they had been seen there. */
    async function deployed(change: (facts: Facts) => void = () => undefined, address = 'https://mcp.example.com') {
      const seen = await facts();
      const hsts = { 'strict-transport-security': 'max-age=1' };
      Object.assign(seen.stranger && 'headers' in seen.stranger ? seen.stranger.headers : {}, hsts);
      const moved: Facts = JSON.parse(JSON.stringify(seen).replaceAll(origin, address));
      change(moved);
      return complaints(judge(moved));
    }
    const answered = (status: number) => ({
      method: 'GET',
      url: 'http://mcp.example.com/mcp',
      status,
      headers: {},
      body: '',
      isPartial: false,
      milliseconds: 1,
      receivedAt: 0,
    });

    test('nothing is wrong with it', async () => {
      expect(await deployed()).toEqual([]);
      for (const plain of [
        answered(403),
        { method: 'GET', url: 'http://mcp.example.com/mcp', problem: 'ECONNREFUSED' },
      ]) {
        expect(await deployed((each) => Object.assign(each, { plain }))).toEqual([]);
        expect(await deployed((each) => Object.assign(each, { raw: plain }))).toEqual([]);
      }
    });

    test.each([
      [301, 'warn http'],
      [401, 'fail http'],
      [200, 'fail http'],
    ])('http is answered with %d', async (status, complaint) => {
      expect(await deployed((each) => Object.assign(each, { plain: answered(status) }))).toEqual([complaint]);
    });

    test('the API’s own host lets callers in', async () => {
      expect(await deployed((each) => Object.assign(each, { raw: answered(401) }))).toEqual(['fail api-host']);
    });

    test('the URL is the API’s own', async () => {
      expect(await deployed(undefined, 'https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com')).toEqual(['fail url']);
    });

    test('the URL is http', async () => {
      expect(await deployed(undefined, 'http://mcp.example.com')).toEqual(expect.arrayContaining(['fail url']));
    });

    test('browsers are not told to come back by https', async () => {
      const without = (each: Facts) => Object.assign(each.stranger!, { headers: { ...plainHeaders(each) } });
      const plainHeaders = (each: Facts) => {
        const { 'strict-transport-security': _, ...rest } = (each.stranger as { headers: Record<string, string> })
          .headers;
        return rest;
      };
      expect(await deployed(without)).toEqual(['warn pages/hsts']);
    });

    test.each(['ENOTFOUND', 'CERT_HAS_EXPIRED', 'DEPTH_ZERO_SELF_SIGNED_CERT', 'no answer within 10 seconds', 'EODD'])(
      'it cannot be reached: %s',
      async (problem) => {
        const POST = { method: 'POST', url: 'https://mcp.example.com/mcp', problem };
        const seen = judge({
          ...(await facts()),
          url: POST.url,
          challenges: { POST, GET: POST, HEAD: POST, DELETE: POST },
        });
        expect(complaints(seen)).toEqual(['fail reachable']);
        expect(seen.at(-1)).toMatchObject({ found: problem, why: expect.any(String), mend: expect.any(String) });
      },
    );
  });

  test('has a certificate that nobody vouches for', async () => {
    const tls = createTlsServer(await newCertificate(), (_, response) => response.end());
    await new Promise<void>((resolve) => tls.listen(0, '127.0.0.1', resolve));
    const seen = judge(await gather(`https://127.0.0.1:${(tls.address() as AddressInfo).port}/mcp`, createProbe(2000)));
    tls.close();
    expect(seen.at(-1)).toMatchObject({
      check: 'reachable',
      verdict: 'fail',
      found: expect.stringMatching(/CERT/),
      why: 'Clients cannot verify who answers.',
    });
  });

  describe('once somebody signs in', () => {
    const answer = (status: number, body: object = {}, headers: Record<string, string> = {}): Reply => ({
      status,
      headers: { 'Content-Type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
    const result = (id: number, of: object) => ({ jsonrpc: '2.0', id, result: of });

    beforeEach(() => {
      document('POST /register', (json) => Object.assign(json, { client_id: 'by-hand' }));
      replies['POST /token'] = answer(200, {
        access_token: 't',
        token_type: 'Bearer',
        expires_in: 60,
        refresh_token: 'r',
      });
      replies['POST /mcp with a token'] = answer(500);
      replies['GET /mcp with a token'] = answer(405);
      replies['POST /revoke'] = answer(200);
      onMetadata((json) => Object.assign(json, { revocation_endpoint: `${origin}/revoke` }))();
    });

    /** The browser of somebody who approves, with changes to what it brings back. */
    async function complain(change: Record<string, string> = {}): Promise<string[]> {
      const findings = await signIn(await facts(), createProbe(500), {
        announce(address) {
          const { redirect_uri, state } = Object.fromEntries(new URL(address).searchParams);
          const back = new URLSearchParams({ code: 'c', state: state!, iss: origin, ...change });
          if (change.code !== 'lost') void fetch(`${redirect_uri}?${back}`);
        },
        patienceMilliseconds: 500,
        timeoutMilliseconds: 500,
      });
      return complaints(findings);
    }
    const useless = ['fail 2025/initialize', 'fail 2026/discover'];

    test('neither era is answered, and a revoked token is not refused', async () => {
      expect(await complain()).toEqual([...useless, 'warn sign-in/revocation']);
    });

    test('a session is not begun, and there are no tools', async () => {
      replies['POST /mcp with a token'] = answer(
        200,
        result(1, { protocolVersion: '2025-11-25', supportedVersions: ['2026-07-28'] }),
      );
      expect(await complain()).toEqual([
        'warn 2025/initialize',
        'fail 2025/tools',
        'fail 2026/tools',
        'warn sign-in/revocation',
      ]);
    });

    test('a session cannot be ended', async () => {
      const all = { protocolVersion: '2025-11-25', supportedVersions: ['2026-07-28'], tools: [] };
      replies['POST /mcp with a token'] = answer(200, result(1, all), { 'Mcp-Session-Id': 's' });
      expect(await complain()).toEqual(['warn 2025/end', 'warn sign-in/revocation']);
    });

    test('a GET is answered with a page', async () => {
      replies['GET /mcp with a token'] = answer(200);
      expect(await complain()).toContain('fail 2025/listen');
    });

    test('revocation fails', async () => {
      replies['POST /revoke'] = answer(503);
      expect(await complain()).toEqual([...useless, 'fail sign-in/revocation']);
    });

    test.each<[string, () => void, Record<string, string>, string]>([
      [
        'registration is refused',
        () => Object.assign(reply('POST /register'), { status: 400 }),
        {},
        'fail sign-in/registration',
      ],
      ['the answer is another’s', () => undefined, { iss: 'https://evil.example' }, 'fail sign-in/answer'],
      ['the state is another', () => undefined, { state: 'x' }, 'fail sign-in/answer'],
      ['nobody comes back', () => undefined, { code: 'lost' }, 'fail sign-in/answer'],
      [
        'the code is refused',
        () => Object.assign(replies, { 'POST /token': answer(400, { error: 'invalid_grant' }) }),
        {},
        'fail sign-in/token',
      ],
    ])('it stops where %s', async (_what, wreck, change, complaint) => {
      wreck();
      expect(await complain(change)).toEqual([complaint]);
    });

    test('nothing is refreshed', async () => {
      replies['POST /token'] = answer(200, { access_token: 't', token_type: 'Bearer' });
      expect(await complain()).toContain('warn sign-in/refresh');
    });
  });

  describe('in direct mode', () => {
    const provider = () => `${origin}/tenant`;
    beforeEach(() => {
      for (const each of [path, root])
        document(each, (json) => Object.assign(json, { authorization_servers: [provider()] }));
      document(openid, (json) => Object.assign(json, { issuer: provider() }));
      replies['GET /tenant/.well-known/openid-configuration'] = reply(openid);
      delete replies[openid];
      delete replies[oauth];
    });

    test('finds the provider’s metadata wherever a path may put it', async () => {
      const elsewhere = await facts();
      expect(elsewhere.servers.map(({ url: each }) => new URL(each).pathname)).toEqual([
        '/.well-known/oauth-authorization-server/tenant',
        '/.well-known/openid-configuration/tenant',
        '/tenant/.well-known/openid-configuration',
      ]);
      const moved: Facts = JSON.parse(
        JSON.stringify(elsewhere).replaceAll(`${origin}/mcp`, 'https://mcp.example.com/mcp'),
      );
      moved.metadata = JSON.parse(
        JSON.stringify(moved.metadata).replaceAll(`${origin}/.well`, 'https://mcp.example.com/.well'),
      );
      expect(complaints(judge(moved))).toContain('warn discovery/oauth');
      expect(complaints(judge(moved))).not.toContain('fail issuer');
    });

    test('does not sign in where there is no TLS', async () => {
      document(path, (json) => Object.assign(json, { authorization_servers: ['ftp://login.example'] }));
      expect(complaints(judge(await facts()))).toEqual(['fail issuer']);
    });
  });
});

/** A deployment as it should be, in the fewest words. */
function healthy(origin: string): Replies {
  const cors = { 'Access-Control-Allow-Origin': '*' };
  const json = (body: object, status = 200): Reply => ({
    status,
    headers: { 'Content-Type': 'application/json', 'Cache-Control': 'public, max-age=3600', ...cors },
    body: JSON.stringify(body),
  });
  const unauthorized = (): Reply => ({
    status: 401,
    headers: {
      ...cors,
      'Access-Control-Expose-Headers': 'WWW-Authenticate',
      'WWW-Authenticate': `Bearer resource_metadata="${origin}/.well-known/oauth-protected-resource/mcp", scope="mcp"`,
    },
    body: '{}',
  });
  const preflight = (): Reply => ({
    status: 204,
    headers: {
      ...cors,
      'Access-Control-Allow-Methods': 'GET, POST, DELETE',
      'Access-Control-Allow-Headers': 'Authorization, Content-Type, Mcp-Session-Id, MCP-Protocol-Version, *',
    },
    body: '',
  });
  const resource = { resource: `${origin}/mcp`, authorization_servers: [origin] };
  const server = {
    issuer: origin,
    authorization_endpoint: `${origin}/authorize`,
    token_endpoint: `${origin}/token`,
    registration_endpoint: `${origin}/register`,
    jwks_uri: `${origin}/jwks.json`,
    response_types_supported: ['code'],
    grant_types_supported: ['authorization_code', 'refresh_token'],
    code_challenge_methods_supported: ['S256'],
    token_endpoint_auth_methods_supported: ['none'],
    client_id_metadata_document_supported: true,
    authorization_response_iss_parameter_supported: true,
  };
  return {
    'POST /mcp': unauthorized(),
    'GET /mcp': unauthorized(),
    'HEAD /mcp': unauthorized(),
    'DELETE /mcp': unauthorized(),
    'OPTIONS /mcp': preflight(),
    'OPTIONS /token': preflight(),
    'OPTIONS /register': preflight(),
    'GET /.well-known/oauth-protected-resource/mcp': json(resource),
    'GET /.well-known/oauth-protected-resource': json(resource),
    'GET /.well-known/oauth-authorization-server': json(server),
    'GET /.well-known/openid-configuration': json(server),
    'GET /jwks.json': json({ keys: [{ kty: 'EC', crv: 'P-256', x: 'x', y: 'y' }] }),
    'POST /register': json({ client_id: 'dcr_1' }, 201),
    'GET /authorize': {
      status: 400,
      headers: {
        'Content-Type': 'text/html',
        'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
        'X-Frame-Options': 'DENY',
        'Cache-Control': 'no-store',
      },
      body: '<h1>No</h1>',
    },
  };
}

describe('the command', () => {
  const script = join(projectRoot, 'cli/commands/doctor.ts');
  const run = promisify(execFile);

  async function ended(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
    try {
      return { code: 0, ...(await run(process.execPath, [script, ...args])) };
    } catch (error) {
      return error as { code: number; stdout: string; stderr: string };
    }
  }

  let desk: TestCloud;
  beforeAll(async () => {
    desk = await TestCloud.start();
  });
  afterAll(() => desk?.stop());

  test('finds nothing wrong with the local emulator, and says what it saw, one line a check', async () => {
    const { code, stdout } = await ended(desk.mcpUrl);
    expect(stdout).toMatch(/^ {2}ok {4}challenge\/POST +401/m);
    expect(stdout).toMatch(/^\d+ ok, 0 to look at, 0 failed$/m);
    expect(code).toBe(0);
  });

  test('signs in there, calls in both eras and leaves no token behind', async () => {
    const child = spawn(process.execPath, [script, desk.mcpUrl, '--register', '--sign-in', '--json'], {
      stdio: 'pipe',
    });
    const printed = text(child.stdout);
    const address = await new Promise<string>((resolve) => {
      let said = '';
      child.stderr.setEncoding('utf8').on('data', (more: string) => {
        said += more;
        const [, found] = /^ {2}(http\S+)\n/m.exec(said) ?? [];
        if (found) resolve(found);
      });
    });
    await fetch(await approveAndSignIn(address, 'ada'));
    const { ok, findings } = JSON.parse(await printed) as { ok: boolean; findings: Finding[] };
    expect(complaints(findings)).toEqual([]);
    expect(ok).toBe(true);
    expect(findings.map(({ check }) => check)).toEqual(
      expect.arrayContaining([
        'registration',
        'sign-in/answer',
        'sign-in/token',
        'sign-in/refresh',
        '2025/initialize',
        '2025/tools',
        '2025/end',
        '2026/discover',
        '2026/tools',
        '2025/listen',
        'sign-in/revocation',
      ]),
    );
  });

  test('says that a person turned back', async () => {
    const child = spawn(process.execPath, [script, desk.mcpUrl, '--sign-in', '--json'], { stdio: 'pipe' });
    const [printed, exit] = [text(child.stdout), new Promise((resolve) => child.once('exit', resolve))];
    const address = await new Promise<URL>((resolve) => {
      child.stderr.setEncoding('utf8').on('data', (more: string) => {
        const [, found] = /^ {2}(http\S+)\n/m.exec(more) ?? [];
        if (found) resolve(new URL(found));
      });
    });
    const back = new URL(address.searchParams.get('redirect_uri')!);
    const { state } = Object.fromEntries(address.searchParams);
    back.search = String(new URLSearchParams({ error: 'access_denied', state: state!, iss: desk.origin }));
    await fetch(back);
    expect(complaints(JSON.parse(await printed).findings)).toEqual(['fail sign-in/answer']);
    expect(await exit).toBe(1);
  });

  test('ends with 1 and a mend where something is wrong', async () => {
    const { code, stdout } = await ended(`${desk.origin}/elsewhere`);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^ {2}FAIL {2}challenge\/POST .*\n {8}Why: .*\n {8}Do: {2}/m);
  });

  test.each([
    [''],
    ['mcp.example.com'],
    ['https://a.example/mcp https://b.example/mcp'],
    ['https://a.example/mcp --timeout soon'],
    ['https://a.example/mcp --api-host https://b.example'],
    ['https://a.example/mcp --fast'],
  ])('ends with 2 and its usage when it is asked "%s"', async (line) => {
    const { code, stderr } = await ended(...line.split(' ').filter(Boolean));
    expect(code).toBe(2);
    expect(stderr).toContain('npm run doctor -- URL');
  });

  test('explains itself', async () => {
    expect(await ended('--help')).toMatchObject({ code: 0, stdout: expect.stringContaining('--sign-in') });
  });
});
