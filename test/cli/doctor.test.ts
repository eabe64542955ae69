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
import { checkDeployment } from '../../cli/doctor/deployment-checks.ts';
import { type Facts, gatherFacts } from '../../cli/doctor/deployment-facts.ts';
import type { Finding } from '../../cli/doctor/finding.ts';
import { createProbe } from '../../cli/doctor/http-probe.ts';
import { testSignIn } from '../../cli/doctor/test-sign-in.ts';
import { TestCloud } from '../support/test-cloud.ts';

jest.setTimeout(60_000);

/** Warnings and failures, as `verdict check`. */
const problems = (findings: Finding[]) =>
  findings
    .filter(({ verdict }) => verdict === 'warn' || verdict === 'fail')
    .map(({ verdict, check }) => `${verdict} ${check}`);

type Reply = { status: number; headers: Record<string, string>; body: string; staysOpen?: true; neverAnswers?: true };
type Replies = Record<string, Reply>;

describe('checkDeployment, on a deployment that is broken in one place', () => {
  let server: Server;
  let origin: string;
  let replies: Replies;
  let authorizeReply: Reply | undefined;

  beforeAll(async () => {
    server = createServer((request, response) => {
      const path = request.url!.split('?')[0]!;
      const name = `${request.method} ${path}`;
      const isRegistered = request.method === 'GET' && request.url!.includes('client_id=dcr');
      const withToken = request.headers.authorization === undefined ? undefined : replies[`${name} with a token`];
      const reply = (isRegistered && authorizeReply) || withToken || replies[name];
      const { status, headers, body, staysOpen, neverAnswers }: Reply = reply ?? { status: 404, headers: {}, body: '' };
      if (neverAnswers) return;
      response.writeHead(status, headers);
      if (staysOpen) response.write(body);
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
    authorizeReply = undefined;
  });

  const url = () => `${origin}/mcp`;
  const facts = (options = { register: true }) => gatherFacts(url(), createProbe(500), options);
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

  test('reports no problem on a healthy deployment', async () => {
    const findings = checkDeployment(await facts());
    expect(problems(findings)).toEqual([]);
    expect(findings.map(({ check }) => check)).toEqual(
      expect.arrayContaining(['registration', 'authorize/foreign-redirect']),
    );
  });

  const broken: [what: string, breakIt: () => unknown, ...problems: string[]][] = [
    ['GET has no challenge', () => Object.assign(reply('GET /mcp'), { status: 405 }), 'fail challenge/GET'],
    ['HEAD is not found', () => Object.assign(reply('HEAD /mcp'), { status: 404 }), 'fail challenge/HEAD'],
    ['DELETE needs no token', () => Object.assign(reply('DELETE /mcp'), { status: 204 }), 'fail challenge/DELETE'],
    ['a firewall rejects POST', () => Object.assign(reply('POST /mcp'), { status: 403 }), 'fail challenge/POST'],
    ['GET is throttled', () => Object.assign(reply('GET /mcp'), { status: 429 }), 'fail challenge/GET'],
    ['the authorizer fails', () => Object.assign(reply('GET /mcp'), { status: 503 }), 'fail challenge/GET'],
    ['GET is a bad request', () => Object.assign(reply('GET /mcp'), { status: 400 }), 'fail challenge/GET'],
    ['GET redirects', () => Object.assign(reply('GET /mcp'), { status: 308 }), 'fail challenge/GET'],
    ['the 401 does not end', () => Object.assign(reply('GET /mcp'), { staysOpen: true }), 'fail challenge/GET'],
    ['HEAD has no response', () => Object.assign(reply('HEAD /mcp'), { neverAnswers: true }), 'fail challenge/HEAD'],
    [
      'the gateway renamed the challenge of a function',
      () => {
        challenge(undefined, 'GET');
        reply('GET /mcp').headers['x-amzn-Remapped-WWW-Authenticate'] = 'Bearer';
      },
      'fail challenge/GET',
    ],
    ['the challenge is missing', () => challenge(undefined), 'fail challenge/POST'],
    ['the challenge has another scheme', () => challenge('Basic realm="x"'), 'fail challenge/POST'],
    ['the challenge has no resource_metadata', () => challenge('Bearer scope="mcp"'), 'fail challenge/POST'],
    [
      'resource_metadata is a path',
      () => challenge('Bearer resource_metadata="/x", scope="mcp"'),
      'fail challenge/POST',
    ],
    [
      'resource_metadata names another document',
      () => challenge(`Bearer resource_metadata="${origin}/elsewhere", scope="mcp"`),
      'warn challenge/POST',
      'fail metadata/named',
    ],
    [
      'the challenge has no scope',
      () => challenge(`Bearer resource_metadata="${origin}/.well-known/oauth-protected-resource/mcp"`),
      'warn challenge/POST',
    ],
    [
      'the challenge has an error',
      () => challenge(`${reply('POST /mcp').headers['WWW-Authenticate']}, error="invalid_token"`),
      'warn challenge/POST',
    ],
    ['the metadata with the path is missing', () => delete replies[path], 'fail metadata/path'],
    ['the metadata at the root is missing', () => delete replies[root], 'warn metadata/root'],
    ['the metadata needs a token', () => Object.assign(reply(path), { status: 401 }), 'fail metadata/path'],
    ['the metadata is an HTML page', () => Object.assign(reply(path), { body: '<html>' }), 'fail metadata/path'],
    [
      'the metadata is of another resource',
      () => document(path, (json) => Object.assign(json, { resource: `${url()}/` })),
      'fail metadata/path',
    ],
    [
      'the metadata has no authorization server',
      () => document(path, (json) => Object.assign(json, { authorization_servers: [] })),
      'fail metadata/path',
    ],
    [
      'the metadata has the type text/plain',
      () => Object.assign(reply(path).headers, { 'Content-Type': 'text/plain' }),
      'warn metadata/path',
    ],
    [
      'pages may not read the metadata',
      () => delete reply(path).headers['Access-Control-Allow-Origin'],
      'warn metadata/path',
    ],
    [
      'the metadata is not cacheable',
      () => Object.assign(reply(path).headers, { 'Cache-Control': 'no-store' }),
      'warn metadata/path',
    ],
    ['the metadata of the issuer is missing', () => [delete replies[oauth], delete replies[openid]], 'fail issuer'],
    ['OAuth discovery is missing', () => delete replies[oauth], 'fail discovery/oauth'],
    ['OpenID discovery is missing', () => delete replies[openid], 'fail discovery/openid'],
    [
      'the metadata names another issuer',
      onMetadata((json) => Object.assign(json, { issuer: `${origin}/` })),
      'fail issuer',
    ],
    ['the token endpoint is missing', onMetadata((json) => delete json.token_endpoint), 'fail server/token'],
    [
      'the authorization endpoint is http',
      onMetadata((json) => Object.assign(json, { authorization_endpoint: 'http://login.example/authorize' })),
      'fail server/authorization',
      'fail authorize/unknown-client',
      'fail authorize/foreign-redirect',
    ],
    [
      'PKCE lacks S256',
      onMetadata((json) => Object.assign(json, { code_challenge_methods_supported: ['plain'] })),
      'fail server/pkce',
    ],
    [
      'clients need a secret',
      onMetadata((json) => delete json.token_endpoint_auth_methods_supported),
      'warn server/public-clients',
    ],
    [
      'the code flow is missing',
      onMetadata((json) => Object.assign(json, { response_types_supported: ['token'] })),
      'fail server/code',
    ],
    ['refresh tokens are missing', onMetadata((json) => delete json.grant_types_supported), 'warn server/refresh'],
    [
      'authorization responses have no iss',
      onMetadata((json) => delete json.authorization_response_iss_parameter_supported),
      'warn server/iss',
    ],
    [
      'client metadata documents are unsupported',
      onMetadata((json) => delete json.client_id_metadata_document_supported),
      'warn server/client-documents',
    ],
    [
      'registration is unsupported',
      onMetadata((json) => delete json.registration_endpoint),
      'warn server/registration',
    ],
    [
      'neither documents nor registration are supported',
      onMetadata((json) => [delete json.registration_endpoint, delete json.client_id_metadata_document_supported]),
      'warn server/admission',
    ],
    ['the key set is missing', onMetadata((json) => delete json.jwks_uri), 'fail keys'],
    ['the key set is empty', () => Object.assign(reply('GET /jwks.json'), { body: '{"keys":[]}' }), 'fail keys'],
    [
      'the key set has a private key',
      () => Object.assign(reply('GET /jwks.json'), { body: '{"keys":[{"kty":"EC","d":"x"}]}' }),
      'fail keys',
    ],
    [
      'an unknown client is redirected to a foreign URI',
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
      'a registered client is redirected to a foreign URI',
      () => {
        authorizeReply = { status: 302, headers: { Location: 'https://foreign.example/callback?code=x' }, body: '' };
      },
      'fail authorize/foreign-redirect',
    ],
    [
      'the authorization endpoint fails',
      () => Object.assign(reply('GET /authorize'), { status: 500 }),
      'fail authorize/unknown-client',
      'fail authorize/foreign-redirect',
    ],
    ['other pages can frame the page', () => policy("default-src 'none'"), 'fail pages/framing'],
    ['the page can run scripts', () => policy("frame-ancestors 'none'"), 'warn pages/policy'],
    ['the page is cacheable', () => delete reply('GET /authorize').headers['Cache-Control'], 'warn pages/cache'],
    ['registration fails', () => Object.assign(reply('POST /register'), { status: 400 }), 'fail registration'],
    [
      'the registration response has a null member',
      () => document('POST /register', (json) => Object.assign(json, { client_uri: null })),
      'fail registration',
    ],
    [
      'a client secret has no expiry',
      () => document('POST /register', (json) => Object.assign(json, { client_secret: 'x' })),
      'fail registration',
    ],
    ['the preflight of /mcp is missing', () => delete replies['OPTIONS /mcp'], 'warn cors/mcp'],
    [
      'other origins are not allowed',
      () => delete reply('OPTIONS /token').headers['Access-Control-Allow-Origin'],
      'warn cors/token',
    ],
    [
      'the Authorization header is not allowed',
      () => Object.assign(reply('OPTIONS /mcp').headers, { 'Access-Control-Allow-Headers': '*' }),
      'warn cors/mcp',
    ],
    [
      'other origins are allowed with cookies',
      () => Object.assign(reply('OPTIONS /register').headers, { 'Access-Control-Allow-Credentials': 'true' }),
      'fail cors/register',
    ],
    [
      'pages may not read the challenge',
      () => delete reply('POST /mcp').headers['Access-Control-Expose-Headers'],
      'warn cors/challenge',
    ],
    [
      'the clock of the server is wrong',
      () => Object.assign(reply(path).headers, { Date: new Date(Date.now() - 7200_000).toUTCString() }),
      'warn clock',
    ],
  ];
  const policy = (value: string) => {
    Object.assign(reply('GET /authorize').headers, { 'Content-Security-Policy': value });
    delete reply('GET /authorize').headers['X-Frame-Options'];
  };

  test.each(broken)('reports that %s', async (_what, breakIt, ...expected) => {
    breakIt();
    const findings = checkDeployment(await facts());
    expect(problems(findings)).toEqual(expected);
    for (const { verdict, why, mend } of findings) {
      if (verdict === 'warn' || verdict === 'fail')
        expect([why, mend]).toEqual([expect.any(String), expect.any(String)]);
    }
  });

  test('prints text of a server without control and bidirectional characters', async () => {
    document(path, (json) => Object.assign(json, { resource: 'https://a.example/\u202egnp.mcp\u009b2J' }));
    const command = promisify(execFile)(process.execPath, [join(projectRoot, 'bin/cli.ts'), 'doctor', url()]);
    const { stdout } = await command.catch((error: { stdout: string }) => error);
    expect(stdout).toContain('gnp.mcp');
    expect(stdout).not.toMatch(/[\u0080-\u009f\u202a-\u202e\u2066-\u2069]/);
  });

  test('reports a server that does not answer', async () => {
    const unreachable = await gatherFacts('http://127.0.0.1:9/mcp', createProbe(500));
    expect(problems(checkDeployment(unreachable))).toEqual(['fail reachable']);
  });

  test.each(['/mcp/', '/mcp?x=1'])('reports that %s is not the canonical URL', async (wrong) => {
    replies[`POST ${wrong.split('?')[0]}`] = reply('POST /mcp');
    expect(problems(checkDeployment(await gatherFacts(`${origin}${wrong}`, createProbe(500))))).toContain('fail url');
  });

  describe('behind TLS', () => {
    /** The same facts with the host of a deployment. */
    async function deployed(change: (facts: Facts) => void = () => undefined, address = 'https://mcp.example.com') {
      const seen = await facts();
      const hsts = { 'strict-transport-security': 'max-age=1' };
      Object.assign(seen.unknownClient && 'headers' in seen.unknownClient ? seen.unknownClient.headers : {}, hsts);
      const moved: Facts = JSON.parse(JSON.stringify(seen).replaceAll(origin, address));
      change(moved);
      return problems(checkDeployment(moved));
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

    test('reports no problem, with http rejected or closed', async () => {
      expect(await deployed()).toEqual([]);
      for (const plain of [
        answered(403),
        { method: 'GET', url: 'http://mcp.example.com/mcp', problem: 'ECONNREFUSED' },
      ]) {
        expect(await deployed((each) => Object.assign(each, { plainHttp: plain }))).toEqual([]);
        expect(await deployed((each) => Object.assign(each, { apiHost: plain }))).toEqual([]);
      }
    });

    test.each([
      [301, 'warn http'],
      [401, 'fail http'],
      [200, 'fail http'],
    ])('reports that http answers %d', async (status, problem) => {
      expect(await deployed((each) => Object.assign(each, { plainHttp: answered(status) }))).toEqual([problem]);
    });

    test('reports that the API Gateway host admits callers', async () => {
      expect(await deployed((each) => Object.assign(each, { apiHost: answered(401) }))).toEqual(['fail api-host']);
    });

    test('reports a URL of the API Gateway host', async () => {
      expect(await deployed(undefined, 'https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com')).toEqual(['fail url']);
    });

    test('reports an http URL', async () => {
      expect(await deployed(undefined, 'http://mcp.example.com')).toEqual(expect.arrayContaining(['fail url']));
    });

    test('reports a missing Strict-Transport-Security', async () => {
      const without = (each: Facts) => Object.assign(each.unknownClient!, { headers: { ...plainHeaders(each) } });
      const plainHeaders = (each: Facts) => {
        const { 'strict-transport-security': _, ...rest } = (each.unknownClient as { headers: Record<string, string> })
          .headers;
        return rest;
      };
      expect(await deployed(without)).toEqual(['warn pages/hsts']);
    });

    test.each([
      'ENOTFOUND',
      'CERT_HAS_EXPIRED',
      'DEPTH_ZERO_SELF_SIGNED_CERT',
      'no response within 10 seconds',
      'EODD',
    ])('reports the connection error %s with a remedy', async (problem) => {
      const POST = { method: 'POST', url: 'https://mcp.example.com/mcp', problem };
      const seen = checkDeployment({
        ...(await facts()),
        url: POST.url,
        challenges: { POST, GET: POST, HEAD: POST, DELETE: POST },
      });
      expect(problems(seen)).toEqual(['fail reachable']);
      expect(seen.at(-1)).toMatchObject({ found: problem, why: expect.any(String), mend: expect.any(String) });
    });
  });

  test('reports a self-signed certificate', async () => {
    const tls = createTlsServer(await newCertificate(), (_, response) => response.end());
    await new Promise<void>((resolve) => tls.listen(0, '127.0.0.1', resolve));
    const seen = checkDeployment(
      await gatherFacts(`https://127.0.0.1:${(tls.address() as AddressInfo).port}/mcp`, createProbe(2000)),
    );
    tls.close();
    expect(seen.at(-1)).toMatchObject({
      check: 'reachable',
      verdict: 'fail',
      found: expect.stringMatching(/CERT/),
      why: 'Clients cannot verify the server.',
    });
  });

  describe('testSignIn', () => {
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

    /** Signs in with a browser that approves. @param change of the authorization response */
    async function problemsOfSignIn(change: Record<string, string> = {}): Promise<string[]> {
      const findings = await testSignIn(await facts(), createProbe(500), {
        announce(address) {
          const { redirect_uri, state } = Object.fromEntries(new URL(address).searchParams);
          const back = new URLSearchParams({ code: 'c', state: state!, iss: origin, ...change });
          if (change.code !== 'lost') void fetch(`${redirect_uri}?${back}`);
        },
        patienceMilliseconds: 500,
        timeoutMilliseconds: 500,
      });
      return problems(findings);
    }
    const bothErasFail = ['fail 2025/initialize', 'fail 2026/discover'];

    test('reports that both eras fail and that a revoked token is admitted', async () => {
      expect(await problemsOfSignIn()).toEqual([...bothErasFail, 'warn sign-in/revocation']);
    });

    test('reports a missing session and missing tools', async () => {
      replies['POST /mcp with a token'] = answer(
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
      replies['POST /mcp with a token'] = answer(200, result(1, all), { 'Mcp-Session-Id': 's' });
      expect(await problemsOfSignIn()).toEqual(['warn 2025/end', 'warn sign-in/revocation']);
    });

    test('reports a GET that returns a page', async () => {
      replies['GET /mcp with a token'] = answer(200);
      expect(await problemsOfSignIn()).toContain('fail 2025/listen');
    });

    test('reports that revocation fails', async () => {
      replies['POST /revoke'] = answer(503);
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
        () => Object.assign(replies, { 'POST /token': answer(400, { error: 'invalid_grant' }) }),
        {},
        'fail sign-in/token',
      ],
    ])('stops when %s', async (_what, breakIt, change, problem) => {
      breakIt();
      expect(await problemsOfSignIn(change)).toEqual([problem]);
    });

    test('reports a missing refresh token', async () => {
      replies['POST /token'] = answer(200, { access_token: 't', token_type: 'Bearer' });
      expect(await problemsOfSignIn()).toContain('warn sign-in/refresh');
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

    test('finds the metadata of a provider with a path at every location', async () => {
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
      expect(problems(checkDeployment(moved))).toContain('warn discovery/oauth');
      expect(problems(checkDeployment(moved))).not.toContain('fail issuer');
    });

    test('reports an issuer without TLS', async () => {
      document(path, (json) => Object.assign(json, { authorization_servers: ['ftp://login.example'] }));
      expect(problems(checkDeployment(await facts()))).toEqual(['fail issuer']);
    });
  });
});

/** The responses of a healthy deployment. */
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

describe('holdfast doctor', () => {
  const doctor = [join(projectRoot, 'bin/cli.ts'), 'doctor'];
  const run = promisify(execFile);

  async function ended(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
    try {
      return { code: 0, ...(await run(process.execPath, [...doctor, ...args])) };
    } catch (error) {
      return error as { code: number; stdout: string; stderr: string };
    }
  }

  let emulator: TestCloud;
  beforeAll(async () => {
    emulator = await TestCloud.start();
  });
  afterAll(() => emulator?.stop());

  test('reports no problem on the local emulator, with one line per check', async () => {
    const { code, stdout } = await ended(emulator.mcpUrl);
    expect(stdout).toMatch(/^ {2}ok {4}challenge\/POST +401/m);
    expect(stdout).toMatch(/^\d+ ok, 0 warnings, 0 failed$/m);
    expect(code).toBe(0);
  });

  test('signs in, calls the server in both eras and revokes the token', async () => {
    const child = spawn(process.execPath, [...doctor, emulator.mcpUrl, '--register', '--sign-in', '--json'], {
      stdio: 'pipe',
    });
    const output = text(child.stdout);
    const address = await new Promise<string>((resolve) => {
      let printed = '';
      child.stderr.setEncoding('utf8').on('data', (more: string) => {
        printed += more;
        const [, found] = /^ {2}(http\S+)\n/m.exec(printed) ?? [];
        if (found) resolve(found);
      });
    });
    await fetch(await approveAndSignIn(address, 'ada'));
    const { ok, findings } = JSON.parse(await output) as { ok: boolean; findings: Finding[] };
    expect(problems(findings)).toEqual([]);
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

  test('reports that the user declined', async () => {
    const child = spawn(process.execPath, [...doctor, emulator.mcpUrl, '--sign-in', '--json'], { stdio: 'pipe' });
    const [output, exit] = [text(child.stdout), new Promise((resolve) => child.once('exit', resolve))];
    const address = await new Promise<URL>((resolve) => {
      child.stderr.setEncoding('utf8').on('data', (more: string) => {
        const [, found] = /^ {2}(http\S+)\n/m.exec(more) ?? [];
        if (found) resolve(new URL(found));
      });
    });
    const back = new URL(address.searchParams.get('redirect_uri')!);
    const { state } = Object.fromEntries(address.searchParams);
    back.search = String(new URLSearchParams({ error: 'access_denied', state: state!, iss: emulator.origin }));
    await fetch(back);
    expect(problems(JSON.parse(await output).findings)).toEqual(['fail sign-in/answer']);
    expect(await exit).toBe(1);
  });

  test('exits with 1 and prints a remedy when a check fails', async () => {
    const { code, stdout } = await ended(`${emulator.origin}/elsewhere`);
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
  ])('exits with 2 and prints its usage for the arguments "%s"', async (line) => {
    const { code, stderr } = await ended(...line.split(' ').filter(Boolean));
    expect(code).toBe(2);
    expect(stderr).toContain('Usage: holdfast doctor [options] <url>');
  });

  test('prints its options with --help', async () => {
    expect(await ended('--help')).toMatchObject({ code: 0, stdout: expect.stringContaining('--sign-in') });
  });
});
