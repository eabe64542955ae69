import { execFile } from 'node:child_process';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { certificateUntil, newCertificate } from '../../bench/harness/certificate.ts';
import { projectRoot } from '../../bench/harness/project-copy.ts';
import { checkDeployment } from '../../cli/doctor/deployment-checks.ts';
import { type Facts, gatherFacts } from '../../cli/doctor/deployment-facts.ts';
import type { Finding } from '../../cli/doctor/finding.ts';
import { createProbe } from '../../cli/doctor/http-probe.ts';
import { hasHostileCharacter, hostileCharacters } from '../support/hostile-characters.ts';
import { paths, problems, ScriptedDeployment } from '../support/scripted-deployment.ts';

const deployment = new ScriptedDeployment();
const { url, facts, reply, document, onMetadata, challenge } = deployment;
const { path, root, oauth, openid } = paths;

let expiredCertificate = '';
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const ID_JAG = 'urn:ietf:params:oauth:grant-profile:id-jag';

beforeAll(async () => {
  const { cert } = await certificateUntil(new Date(Date.now() - 1000));
  expiredCertificate = cert.replace(/-----[^-]+-----|\s/g, '');
  await deployment.start();
});
afterAll(() => deployment.stop());
beforeEach(() => deployment.reset());

test('reports no problem on a healthy deployment', async () => {
  const findings = checkDeployment(await facts());
  expect(problems(findings)).toEqual([]);
  expect(findings.map(({ check }) => check)).toEqual(
    expect.arrayContaining(['registration', 'authorize/foreign-redirect']),
  );
});

test.each([
  [{}, []],
  [{ grant_types_supported: ['refresh_token', 'client_credentials'] }, ['client credentials']],
  [{ grant_types_supported: ['refresh_token', JWT_BEARER] }, ['assertions of workloads']],
  [
    { grant_types_supported: ['refresh_token', JWT_BEARER], authorization_grant_profiles_supported: [ID_JAG] },
    ['assertions of trusted issuers, enterprises (ID-JAG) included'],
  ],
])('states the grants without a browser that the metadata has: %j', async (members, stated) => {
  onMetadata((json) => Object.assign(json, members))();
  const findings = checkDeployment(await facts());
  const names = ['server/machine-clients', 'server/assertions'];
  expect(findings.filter(({ check }) => names.includes(check)).map(({ verdict, found }) => [verdict, found])).toEqual(
    stated.map((found) => ['ok', found]),
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
  ['resource_metadata is a path', () => challenge('Bearer resource_metadata="/x", scope="mcp"'), 'fail challenge/POST'],
  [
    'resource_metadata names another document',
    () => challenge(`Bearer resource_metadata="${deployment.origin}/elsewhere", scope="mcp"`),
    'warn challenge/POST',
    'fail metadata/named',
  ],
  [
    'the challenge has no scope',
    () => challenge(`Bearer resource_metadata="${deployment.origin}/.well-known/oauth-protected-resource/mcp"`),
    'warn challenge/POST',
  ],
  [
    'the challenge has an error',
    () => challenge(`${reply('POST /mcp').headers['WWW-Authenticate']}, error="invalid_token"`),
    'warn challenge/POST',
  ],
  ['the metadata with the path is missing', () => delete deployment.replies[path], 'fail metadata/path'],
  ['the metadata at the root is missing', () => delete deployment.replies[root], 'warn metadata/root'],
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
  [
    'the metadata of the issuer is missing',
    () => [delete deployment.replies[oauth], delete deployment.replies[openid]],
    'fail issuer',
  ],
  ['OAuth discovery is missing', () => delete deployment.replies[oauth], 'fail discovery/oauth'],
  ['OpenID discovery is missing', () => delete deployment.replies[openid], 'fail discovery/openid'],
  [
    'the metadata names another issuer',
    onMetadata((json) => Object.assign(json, { issuer: `${deployment.origin}/` })),
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
  ['registration is unsupported', onMetadata((json) => delete json.registration_endpoint), 'warn server/registration'],
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
      deployment.authorizeReply = {
        status: 302,
        headers: { Location: 'https://foreign.example/callback?code=x' },
        body: '',
      };
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
  [
    'pages of the same host can frame the page',
    () => policy("default-src 'none'; frame-ancestors 'self'"),
    'fail pages/framing',
  ],
  ['the page can run scripts', () => policy("frame-ancestors 'none'"), 'warn pages/policy'],
  ['the page is cacheable', () => delete reply('GET /authorize').headers['Cache-Control'], 'warn pages/cache'],
  [
    'the browser may store the page',
    () => Object.assign(reply('GET /authorize').headers, { 'Cache-Control': 'no-cache' }),
    'warn pages/cache',
  ],
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
  ['the preflight of /mcp is missing', () => delete deployment.replies['OPTIONS /mcp'], 'warn cors/mcp'],
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
    'caches may store responses of /mcp',
    () => Object.assign(reply('GET /mcp').headers, { 'Cache-Control': 'public, max-age=60' }),
    'fail cache/mcp',
  ],
  [
    'a shared cache may store responses of /mcp',
    () => Object.assign(reply('POST /mcp').headers, { 'Cache-Control': 's-maxage=60' }),
    'fail cache/mcp',
  ],
  [
    'a key has expired',
    () => document('GET /jwks.json', (json) => Object.assign(json, { keys: [{ exp: 1 }] })),
    'fail keys',
  ],
  [
    'the certificate of a key has expired',
    () => document('GET /jwks.json', (json) => Object.assign(json, { keys: [{ x5c: [expiredCertificate] }] })),
    'fail keys',
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
    if (verdict === 'warn' || verdict === 'fail') expect([why, mend]).toEqual([expect.any(String), expect.any(String)]);
  }
});

test('distinguishes a challenge that API Gateway renamed from a missing one', async () => {
  const found = async () => checkDeployment(await facts()).find(({ check }) => check === 'challenge/GET')?.found;
  challenge(undefined, 'GET');
  expect(await found()).toBe('401 without WWW-Authenticate: Bearer');
  reply('GET /mcp').headers['x-amzn-Remapped-WWW-Authenticate'] = 'Bearer';
  expect(await found()).toBe('the challenge was renamed to x-amzn-remapped-www-authenticate');
});

test.each<[string, () => void, object]>([
  ['the scope of the challenge', () => undefined, { scope: 'mcp' }],
  [
    'the scopes of the metadata when the challenge has none',
    () => {
      challenge(`Bearer resource_metadata="${deployment.origin}/.well-known/oauth-protected-resource/mcp"`);
      document(path, (json) => Object.assign(json, { scopes_supported: ['read', 'write'] }));
    },
    { scope: 'read write' },
  ],
])('registers a client with %s', async (_what, change, expected) => {
  change();
  await facts();
  expect(JSON.parse(deployment.bodies['POST /register']!)).toMatchObject(expected);
});

describe('in direct mode', () => {
  const inDirectMode = async () => checkDeployment({ ...(await facts()), issuer: 'https://login.example.com' });
  const cors = (findings: Finding[]) =>
    findings.filter(({ check }) => check.startsWith('cors/')).map(({ check, verdict }) => `${verdict} ${check}`);

  test('the CORS headers of the provider are a note, and those of /mcp a warning', async () => {
    for (const name of ['token', 'register', 'mcp']) {
      delete reply(`OPTIONS /${name}`).headers['Access-Control-Allow-Origin'];
    }
    const findings = await inDirectMode();
    expect(cors(findings)).toEqual(['warn cors/mcp', 'note cors/token', 'note cors/register', 'ok cors/challenge']);
    expect(findings.find(({ check }) => check === 'cors/token')!.found).toMatch(/the identity provider/);
  });

  test('a provider that allows credentials is not the fault of a proxy of the operator', async () => {
    reply('OPTIONS /token').headers['Access-Control-Allow-Credentials'] = 'true';
    expect(cors(await inDirectMode())).toContain('note cors/token');
  });

  test('a key set that is not available stops /mcp in direct mode alone', async () => {
    Object.assign(reply('GET /jwks.json'), { status: 503, body: '{}' });
    const own = checkDeployment(await facts());
    const [ofHoldfast, ofProvider] = [own, await inDirectMode()].map((findings) =>
      findings.find(({ check }) => check === 'keys'),
    );
    expect([ofHoldfast!.verdict, ofProvider!.verdict]).toEqual(['fail', 'fail']);
    expect(ofHoldfast!.why).toContain('/mcp has the keys since the deployment');
    expect(ofProvider!.why).toContain('/mcp answers 503');
  });

  test('a rejected registration refers to the rules of the provider', async () => {
    Object.assign(reply('POST /register'), { status: 403 });
    const { mend } = (await inDirectMode()).find(({ check }) => check === 'registration')!;
    expect(mend).toMatch(/provider/);
    expect(mend).not.toMatch(/dynamicRegistration/);
  });
});

test('prints text of a server without control and bidirectional characters', async () => {
  const resource = `https://a.example/\u202egnp.mcp\u009b2J${hostileCharacters.join('')}`;
  document(path, (json) => Object.assign(json, { resource }));
  Object.assign(reply('GET /authorize').headers, { 'Content-Security-Policy': `a\u0085b` });
  const command = promisify(execFile)(process.execPath, [join(projectRoot, 'bin/cli.ts'), 'doctor', url()]);
  const { stdout } = await command.catch((error: { stdout: string }) => error);
  expect(stdout).toContain('gnp.mcp');
  expect(hasHostileCharacter(stdout.replaceAll('\n', ''))).toBe(false);
});

test('reports a server that does not answer', async () => {
  const unreachable = await gatherFacts('http://127.0.0.1:9/mcp', createProbe(500));
  expect(problems(checkDeployment(unreachable))).toEqual(['fail reachable']);
});

test.each(['/mcp/', '/mcp?x=1'])('reports that %s is not the canonical URL', async (wrong) => {
  deployment.replies[`POST ${wrong.split('?')[0]}`] = reply('POST /mcp');
  expect(problems(checkDeployment(await gatherFacts(`${deployment.origin}${wrong}`, createProbe(500))))).toContain(
    'fail url',
  );
});

describe('behind TLS', () => {
  /** The same facts with the host of a deployment. */
  async function deployed(change: (facts: Facts) => void = () => undefined, address = 'https://mcp.example.com') {
    const seen = await facts();
    const hsts = { 'strict-transport-security': 'max-age=1' };
    Object.assign(seen.unknownClient && 'headers' in seen.unknownClient ? seen.unknownClient.headers : {}, hsts);
    const moved: Facts = JSON.parse(JSON.stringify(seen).replaceAll(deployment.origin, address));
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

  test('reports a certificate that expires within two weeks', async () => {
    const endsIn = (days: number) => (each: Facts) =>
      Object.assign(each, { certificateEndsAt: Date.now() + days * 86_400_000 });
    expect(await deployed(endsIn(15))).toEqual([]);
    expect(await deployed(endsIn(13))).toEqual(['warn certificate']);
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

  test.each(['ENOTFOUND', 'CERT_HAS_EXPIRED', 'DEPTH_ZERO_SELF_SIGNED_CERT', 'no response within 10 seconds', 'EODD'])(
    'reports the connection error %s with a remedy',
    async (problem) => {
      const POST = { method: 'POST', url: 'https://mcp.example.com/mcp', problem };
      const seen = checkDeployment({
        ...(await facts()),
        url: POST.url,
        challenges: { POST, GET: POST, HEAD: POST, DELETE: POST },
      });
      expect(problems(seen)).toEqual(['fail reachable']);
      expect(seen.at(-1)).toMatchObject({ found: problem, why: expect.any(String), mend: expect.any(String) });
    },
  );
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

describe('in direct mode', () => {
  const provider = () => `${deployment.origin}/tenant`;
  beforeEach(() => {
    for (const each of [path, root])
      document(each, (json) => Object.assign(json, { authorization_servers: [provider()] }));
    document(openid, (json) => Object.assign(json, { issuer: provider() }));
    deployment.replies['GET /tenant/.well-known/openid-configuration'] = reply(openid);
    delete deployment.replies[openid];
    delete deployment.replies[oauth];
  });

  test('finds the metadata of a provider with a path at every location', async () => {
    const elsewhere = await facts();
    expect(elsewhere.servers.map(({ url: each }) => new URL(each).pathname)).toEqual([
      '/.well-known/oauth-authorization-server/tenant',
      '/.well-known/openid-configuration/tenant',
      '/tenant/.well-known/openid-configuration',
    ]);
    const moved: Facts = JSON.parse(
      JSON.stringify(elsewhere).replaceAll(`${deployment.origin}/mcp`, 'https://mcp.example.com/mcp'),
    );
    moved.metadata = JSON.parse(
      JSON.stringify(moved.metadata).replaceAll(`${deployment.origin}/.well`, 'https://mcp.example.com/.well'),
    );
    expect(problems(checkDeployment(moved))).toContain('warn discovery/oauth');
    expect(problems(checkDeployment(moved))).not.toContain('fail issuer');
  });

  test('reports an issuer without TLS', async () => {
    document(path, (json) => Object.assign(json, { authorization_servers: ['ftp://login.example'] }));
    expect(problems(checkDeployment(await facts()))).toEqual(['fail issuer']);
  });
});
