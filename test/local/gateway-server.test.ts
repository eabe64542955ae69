import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Duration, Stack } from 'aws-cdk-lib';
import {
  AuthorizationType,
  type GatewayResponseOptions,
  IdentitySource,
  LambdaIntegration,
  RequestAuthorizer,
  ResponseTransferMode,
  ResponseType,
  RestApi,
} from 'aws-cdk-lib/aws-apigateway';
import { Code, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda';
import { GatewayResponses } from '../../lib/gateway-responses.ts';
import { type GatewayServer, type LogEntry, startGatewayServer } from '../../local/api-gateway/gateway-server.ts';
import { FunctionPool } from '../../local/lambda/function-pool.ts';
import { Template, type TemplateJson } from '../../local/template/template.ts';
import { attributes } from '../support/built-functions.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { FunctionGate } from '../support/function-gate.ts';
import { ObservedList } from '../support/observed-list.ts';

/** Returns the response that the query parameter `case` selects. */
const buffered = `
  const responses = {
    echo: (event) => ({ statusCode: 200, body: JSON.stringify(event) }),
    created: () => ({ statusCode: 201, headers: { 'X-One': '1' }, multiValueHeaders: { 'Set-Cookie': ['a=1', 'b=2'] }, body: 'made' }),
    challenge: () => ({ statusCode: 401, headers: { 'WWW-Authenticate': 'Bearer', Server: 'mine', Via: 'me', 'X-Own': 'yes' }, body: '' }),
    bytes: () => ({ statusCode: 200, headers: { 'Content-Type': 'image/png' }, isBase64Encoded: true, body: 'AP8=' }),
    empty: () => ({}),
    nothing: () => null,
    unknown: () => ({ statusCode: 200, surprise: true }),
    object: () => ({ statusCode: 200, body: { a: 1 } }),
    number: () => ({ statusCode: 200, headers: { 'X-N': 1 } }),
    newline: () => ({ statusCode: 200, headers: { 'X-N': 'a\\nb' } }),
    throw: () => { throw new Error('a secret detail') },
    lasting: () => ({ statusCode: 200, headers: { 'Cache-Control': 'max-age=1, stale-if-error=60' }, body: '' }),
    hang: () => new Promise(() => {}),
    sized: ({ multiValueHeaders, queryStringParameters: { bytes, type = 'text/css', status = 200, encoding, tag } }) => ({
      statusCode: Number(status),
      headers: {
        'Content-Type': type,
        'Cache-Control': 'max-age=300',
        'X-Accepted': String(Object.entries(multiValueHeaders).find(([name]) => name.toLowerCase() === 'accept-encoding')?.[1]),
        ...(encoding && { 'Content-Encoding': encoding }),
        ...(tag && { ETag: tag }),
      },
      body: 'x'.repeat(Number(bytes)),
    }),
    large: () => ({ statusCode: 200, body: 'x'.repeat(6291556) }),
  };
  exports.handler = async (event) => responses[event.queryStringParameters?.case ?? 'echo'](event);`;

const streaming = `
  const opened = (gate) => new Promise((resolve) => require('node:http').get(gate, resolve));
  const responses = {
    echo: (stream, event) => { stream.write(JSON.stringify(event)); stream.end(); },
    empty: (stream) => { stream.end(); },
    emptyWrite: (stream) => { stream.write(''); stream.end(); },
    endWithBody: (stream) => { stream.end('body'); },
    throwEarly: () => { throw new Error('early'); },
    throwLate: async (stream) => { stream.write('first'); await new Promise((later) => setImmediate(later)); throw new Error('late'); },
    emptyPause: async (stream, { queryStringParameters: { gate } }) => { stream.write(''); await opened(gate); stream.end(); },
    pause: async (stream, { queryStringParameters: { gate } }) => { stream.write('first'); await opened(gate); stream.end('second'); },
    headFirst: async (stream, { queryStringParameters: { gate } }) => { stream.write(''); await opened(gate); stream.end('only'); },
    abandoned: async (stream, { queryStringParameters: { gate } }) => {
      stream.write('first');
      await opened(gate);
      for (let i = 0; i < 50; i++) if (!stream.write(Buffer.alloc(20_000))) await new Promise((drained) => stream.once('drain', drained));
      stream.end();
      console.log('finished');
    },
    sized: (stream) => { stream.write('x'.repeat(5000)); stream.end(); },
    tooLate: (stream) => {
      stream.once('finish', () => console.log('finished')).end(Buffer.alloc(100_000, 'x'));
    },
    hang: () => new Promise(() => {}),
    hangLate: (stream) => { stream.write('first'); return new Promise(() => {}); },
  };
  exports.handler = awslambda.streamifyResponse(async (event, stream) => {
    const head = {
      statusCode: Number(event.queryStringParameters?.status ?? 202),
      headers: { ...(event.queryStringParameters?.type && { 'Content-Type': event.queryStringParameters.type }), 'X-Streamed': 'yes', 'WWW-Authenticate': 'Bearer', 'Transfer-Encoding': 'gzip' },
      cookies: ['a=1', 'b=2'],
    };
    await responses[event.queryStringParameters?.case ?? 'echo'](awslambda.HttpResponseStream.from(stream, head), event);
  });`;

/** Logs each invocation; the token selects the result. */
const authorizing = `
  const statements = {
    stage: (event) => ({ Effect: 'Allow', Resource: event.methodArn.replace(/\\/v1\\/.*/, '/v1/*') }),
    here: (event) => ({ Effect: 'Allow', Resource: event.methodArn }),
    deny: (event) => ({ Effect: 'Deny', Resource: '*' }),
  };
  exports.handler = async (event) => {
    const token = Object.entries(event.headers).find(([name]) => name.toLowerCase() === 'authorization')[1];
    console.log('invoked with ' + token);
    if (token === 'bad') throw new Error('Unauthorized');
    if (token === 'crash') throw new Error('no keys');
    if (token === 'nonsense') return { principalId: 'me' };
    const context = token === 'object' ? { a: {} } : { user: 'me', level: 3, challenge: 'Bearer error="insufficient_scope"' };
    const statement = { Action: 'execute-api:Invoke', ...(statements[token] ?? statements.stage)(event) };
    return { principalId: 'me', policyDocument: { Version: '2012-10-17', Statement: [statement] }, context };
  };`;

const integrationTimeout = 2000;

const challenge = 'Bearer resource_metadata="https://example.com/.well-known/oauth-protected-resource/mcp"';

const gatewayResponses: Record<string, GatewayResponseOptions> = {
  Unauthorized: {
    type: ResponseType.UNAUTHORIZED,
    responseHeaders: { 'WWW-Authenticate': `'${challenge}'`, 'X-Request-With': 'method.request.header.x-with' },
    templates: { 'application/json': '{"error":"invalid_token","request":"$context.requestId"}' },
  },
  Denied: {
    type: ResponseType.ACCESS_DENIED,
    responseHeaders: { 'WWW-Authenticate': 'context.authorizer.challenge' },
    templates: { 'application/json': '{"error":$context.error.messageString,"who":"$context.authorizer.user"}' },
  },
  NotFound: { type: ResponseType.MISSING_AUTHENTICATION_TOKEN, statusCode: '404' },
  Any4xx: { type: ResponseType.DEFAULT_4XX, responseHeaders: { 'Access-Control-Allow-Origin': "'*'" } },
};

/** The template and the assets of an app for these tests. */
function synthesize(change: (api: RestApi) => void = () => undefined) {
  const assembly = mkdtempSync(join(tmpdir(), 'assembly-'));
  const context = { '@aws-cdk/aws-apigateway:disableCloudWatchRole': true };
  const stack = new Stack(new App({ outdir: assembly, context, builtinCloudFormationValidation: false }), 'Test');
  const lambda = (id: string, code: string) => {
    const source = join(mkdtempSync(join(tmpdir(), 'source-')), id);
    mkdirSync(source);
    writeFileSync(join(source, 'index.cjs'), code);
    const timeout = Duration.minutes(1);
    return new LambdaFunction(stack, id, {
      runtime: Runtime.NODEJS_24_X,
      handler: 'index.handler',
      code: Code.fromAsset(source),
      timeout,
    });
  };
  const api = new RestApi(stack, 'Api', {
    deployOptions: {
      stageName: 'v1',
      throttlingRateLimit: 1000,
      throttlingBurstLimit: 1000,
      methodOptions: { '/limited/GET': { throttlingRateLimit: 1, throttlingBurstLimit: 2 } },
    },
    binaryMediaTypes: ['image/*'],
  });
  const scopePermissionToMethod = false;
  const toBuffered = new LambdaIntegration(lambda('Buffered', buffered), {
    scopePermissionToMethod,
    timeout: Duration.millis(integrationTimeout),
  });
  const toStreaming = new LambdaIntegration(lambda('Streaming', streaming), {
    scopePermissionToMethod,
    responseTransferMode: ResponseTransferMode.STREAM,
    timeout: Duration.millis(integrationTimeout),
  });
  const authorizer = new RequestAuthorizer(stack, 'Authorizer', {
    handler: lambda('Authorizing', authorizing),
    identitySources: [IdentitySource.header('Authorization')],
    resultsCacheTtl: Duration.minutes(5),
  });
  const guarded = { authorizer, authorizationType: AuthorizationType.CUSTOM };

  const mcp = api.root.addResource('mcp');
  mcp.addMethod('ANY', toStreaming, guarded);
  mcp.addCorsPreflight({
    allowOrigins: ['*'],
    allowMethods: ['GET', 'POST'],
    allowHeaders: ['Authorization'],
    maxAge: Duration.hours(1),
  });
  api.root.addResource('open').addMethod('ANY', toBuffered);
  api.root.addResource('stream').addMethod('ANY', toStreaming);
  api.root.addResource('limited').addMethod('ANY', toBuffered);
  api.root.addResource('guarded').addMethod('ANY', toBuffered, guarded);
  const users = api.root.addResource('users');
  users.addMethod('GET', toBuffered);
  users.addResource('{id}').addMethod('GET', toBuffered);
  users.addResource('me').addMethod('GET', toBuffered);
  users.getResource('{id}')?.addResource('files').addProxy({ defaultIntegration: toBuffered });
  for (const [id, options] of Object.entries(gatewayResponses)) api.addGatewayResponse(id, options);
  change(api);
  return { assembly, json: (stack.node.root as App).synth().getStackByName('Test').template as TemplateJson };
}

const idOf = (json: TemplateJson, prefix: string) =>
  Object.entries(json.Resources ?? {}).find(
    ([id, { Type }]) => id.startsWith(prefix) && Type === 'AWS::Lambda::Function',
  )?.[0];

const { assembly, json } = synthesize();
const template = (from = json) => new Template(from, { attributes, origins: [] });

const clock = fakeClock();
const entries = new ObservedList<LogEntry>();
const lines = new ObservedList<string>();
let functions: FunctionPool;
let gateway: GatewayServer;

beforeAll(async () => {
  functions = new FunctionPool({
    template: template(),
    assembly,
    environment: () => ({}),
    log: (_name, _requestId, line) => lines.push(line),
  });
  gateway = await startGatewayServer({
    template: template(),
    functions,
    port: 0,
    log: (entry) => entries.push(entry),
    clock,
  });
});
afterAll(async () => {
  await gateway.close();
  await functions.close();
});
beforeEach(() => {
  entries.clear();
  lines.clear();
});

const gates: FunctionGate[] = [];
const closedGate = async () => {
  const gate = await FunctionGate.closed();
  gates.push(gate);
  return gate;
};
afterEach(async () => {
  for (const gate of gates.splice(0)) await gate.close();
});

const call = (path: string, init?: RequestInit) => fetch(gateway.origin + path, init);
const open = (which: string, init?: RequestInit) => call(`/open?case=${which}`, init);
const stream = (which: string, init?: RequestInit) => call(`/stream?case=${which}`, init);
const withToken = (token: string, path = '/guarded') => call(path, { headers: { Authorization: token } });
const invocations = () => lines.items.filter((line) => line.startsWith('invoked')).length;

/** The log entry of the last request; written when its response has closed. */
const logged = async () => (await entries.atLeast(1)).at(-1)!;

describe('the event', () => {
  test('has the shape of a Lambda proxy integration', async () => {
    const response = await call('/open?a=1&a=2&b=x%20y', {
      method: 'POST',
      headers: { 'X-Custom': 'c', TE: 'trailers', 'Content-Type': 'text/plain' },
      body: 'grüße',
    });
    const event = await response.json();
    expect(event).toMatchObject({
      resource: '/open',
      path: '/open',
      httpMethod: 'POST',
      queryStringParameters: { a: '2', b: 'x y' },
      multiValueQueryStringParameters: { a: ['1', '2'], b: ['x y'] },
      pathParameters: null,
      stageVariables: null,
      body: 'grüße',
      isBase64Encoded: false,
      requestContext: {
        stage: 'v1',
        path: '/v1/open',
        resourcePath: '/open',
        httpMethod: 'POST',
        requestId: response.headers.get('x-amzn-requestid'),
        identity: { sourceIp: '127.0.0.1' },
      },
    });
    const names = Object.keys(event.multiValueHeaders).map((name) => name.toLowerCase());
    expect(names).toEqual(expect.arrayContaining(['x-custom', 'host', 'x-forwarded-for', 'x-amzn-trace-id']));
    expect(names).not.toContain('te');
    expect(names).not.toContain('connection');
    expect(event.headers.Host).toMatch(/\.execute-api\.us-east-1\.amazonaws\.com$/);
  });

  test('has a binary body as base64', async () => {
    const event = await (
      await call('/open', { method: 'POST', headers: { 'Content-Type': 'image/png' }, body: new Uint8Array([0, 255]) })
    ).json();
    expect(event).toMatchObject({ body: 'AP8=', isBase64Encoded: true });
  });

  test.each([
    ['/users/a%20b', '/users/{id}', { id: 'a b' }],
    ['/users/me', '/users/me', null],
    ['/users/', '/users', null],
    ['/users/1/files/x/y', '/users/{id}/files/{proxy+}', { id: '1', proxy: 'x/y' }],
  ])('of a request to %s names the resource %s', async (path, resource, pathParameters) => {
    expect(await (await call(path)).json()).toMatchObject({ resource, pathParameters });
  });

  test('has the same shape for a streaming integration', async () => {
    const event = JSON.parse(await (await call('/stream', { method: 'PUT', body: 'b' })).text());
    expect(event).toMatchObject({ resource: '/stream', httpMethod: 'PUT', body: 'b' });
  });
});

describe('a buffered response', () => {
  test('has its status, headers and body', async () => {
    const response = await open('created');
    expect(response.status).toBe(201);
    expect(response.headers.get('x-one')).toBe('1');
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(response.headers.get('content-length')).toBe('4');
    expect(await response.text()).toBe('made');
    expect(await logged()).toMatchObject({
      method: 'GET',
      path: '/open',
      status: 201,
      function: idOf(json, 'Buffered'),
    });
  });

  test('has no reserved headers, or has them renamed', async () => {
    const { headers } = await open('challenge');
    expect(headers.get('www-authenticate')).toBeNull();
    expect(headers.get('x-amzn-remapped-www-authenticate')).toBe('Bearer');
    expect(headers.get('x-amzn-remapped-server')).toBe('mine');
    expect(headers.get('via')).toBeNull();
    expect(headers.get('x-own')).toBe('yes');
  });

  test('is decoded from base64 only if the client accepts a binary type', async () => {
    const binary = await open('bytes', { headers: { Accept: 'image/png' } });
    expect(new Uint8Array(await binary.arrayBuffer())).toEqual(new Uint8Array([0, 255]));
    expect(await (await open('bytes')).text()).toBe('AP8=');
  });

  test('requires no member', async () => {
    const response = await open('empty');
    expect([response.status, await response.text()]).toEqual([200, '']);
  });

  test.each(['nothing', 'unknown', 'object', 'number', 'newline', 'throw', 'large'])(
    'that is malformed (%s) results in 502',
    async (which) => {
      const response = await open(which);
      expect([response.status, await response.json()]).toEqual([502, { message: 'Internal server error' }]);
      expect((await logged()).error).toMatch(/^DEFAULT_5XX: ./);
    },
  );

  test('that exceeds the integration timeout results in 504', async () => {
    const pending = open('hang');
    await clock.expire(integrationTimeout);
    const response = await pending;
    expect([response.status, await response.json()]).toEqual([504, { message: 'Endpoint request timed out' }]);
  });

  test('to a HEAD request has no body', async () => {
    const response = await open('created', { method: 'HEAD' });
    expect([response.status, await response.text()]).toEqual([201, '']);
  });
});

describe('a streaming response', () => {
  test('has the status, headers and cookies of its prelude, without reserved headers', async () => {
    const response = await stream('echo');
    expect(response.status).toBe(202);
    expect(response.headers.get('x-streamed')).toBe('yes');
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
    expect(response.headers.get('www-authenticate')).toBeNull();
    expect(response.headers.get('x-amzn-remapped-www-authenticate')).toBe('Bearer');
    await response.text();
  });

  test('is forwarded as the function writes it', async () => {
    const gate = await closedGate();
    const response = await stream(`pause&gate=${gate.url}`);
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    expect((await reader.read()).value).toBe('first');
    gate.open();
    expect((await reader.read()).value).toBe('second');
    expect((await reader.read()).done).toBe(true);
  });

  test('has its head sent before its body exists', async () => {
    const gate = await closedGate();
    const response = await stream(`headFirst&gate=${gate.url}`);
    expect(response.status).toBe(202);
    gate.open();
    expect(await response.text()).toBe('only');
  });

  test('with an empty write has no body', async () => {
    const response = await stream('emptyWrite');
    expect([response.status, await response.text()]).toEqual([202, '']);
  });

  test.each([
    ['that ends without a write', 'empty'],
    ['that only ends with a body', 'endWithBody'],
    ['that throws before its first write', 'throwEarly'],
  ])('%s results in 502', async (_, which) => {
    const response = await stream(which);
    expect([response.status, await response.json()]).toEqual([502, { message: 'Internal server error' }]);
  });

  test('without a prelude in its first 16 KB results in 502, and its function finishes', async () => {
    expect((await stream('tooLate')).status).toBe(502);
    await lines.until((all) => all.includes('finished'));
  });

  test('that throws after a write is aborted', async () => {
    const response = await stream('throwLate');
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    expect((await reader.read()).value).toBe('first');
    await expect(reader.read()).rejects.toThrow();
    expect(await logged()).toMatchObject({ status: 202, error: expect.stringContaining('late') });
  });

  test('that does not begin within the integration timeout results in 504', async () => {
    const pending = stream('hang');
    await clock.expire(integrationTimeout);
    expect((await pending).status).toBe(504);
  });

  test('that does not end within the integration timeout is aborted', async () => {
    const response = await stream('hangLate');
    await clock.advance(integrationTimeout);
    await expect(response.text()).rejects.toThrow();
    expect((await logged()).error).toMatch(/INTEGRATION_TIMEOUT/);
  });

  test('is read to its end and discarded after its client has disconnected', async () => {
    const gate = await closedGate();
    const abort = new AbortController();
    await stream(`abandoned&gate=${gate.url}`, { signal: abort.signal });
    abort.abort();
    expect((await logged()).error).toMatch(/closed/);
    gate.open();
    await lines.until((all) => all.includes('finished'));
  });
});

describe('a client that cancels the body of a stream after its head', () => {
  /** The log entry of a request whose client cancels the body before the function has ended its stream. */
  const entryOf = async (query: string) => {
    const gate = await closedGate();
    const response = await stream(`${query}&gate=${gate.url}`);
    await response.body?.cancel();
    const entry = await logged();
    gate.open();
    return entry;
  };

  test.each([
    ['an acknowledgement without a body', 'emptyPause&status=202'],
    ['a success without a body', 'emptyPause&status=200'],
    ['an error', 'pause&status=405'],
  ])('misses nothing of %s, and its log entry has no error', async (_, query) => {
    expect((await entryOf(query)).error).toBeUndefined();
  });

  test.each([
    ['a body', 'pause&status=200'],
    ['an event stream without an event', 'emptyPause&status=200&type=text/event-stream'],
  ])('misses the rest of %s, and its log entry says so', async (_, query) => {
    expect((await entryOf(query)).error).toMatch(/closed before the end/);
  });
});

describe('the authorizer', () => {
  beforeEach(() => gateway.replace(template()));

  test('is not invoked without the identity source', async () => {
    const response = await call('/mcp', { method: 'POST', headers: { 'X-With': 'browser' } });
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toBe(challenge);
    expect(response.headers.get('x-request-with')).toBe('browser');
    expect(await response.json()).toEqual({
      error: 'invalid_token',
      request: response.headers.get('x-amzn-requestid'),
    });
    expect(invocations()).toBe(0);
    expect(await logged()).toMatchObject({ status: 401, function: undefined, error: 'UNAUTHORIZED' });
  });

  test('passes its context to the function as strings', async () => {
    const { requestContext } = await (await withToken('good')).json();
    expect(requestContext.authorizer).toMatchObject({ principalId: 'me', user: 'me', level: '3' });
  });

  test('that throws Unauthorized is invoked for each request', async () => {
    expect([(await withToken('bad')).status, (await withToken('bad')).status]).toEqual([401, 401]);
    expect(invocations()).toBe(2);
  });

  test('is invoked once for all paths until its cached result expires', async () => {
    expect([(await withToken('stage')).status, (await withToken('stage', '/mcp')).status]).toEqual([200, 202]);
    expect(invocations()).toBe(1);
    await clock.advance(299_000);
    await withToken('stage');
    expect(invocations()).toBe(1);
    await clock.advance(1000);
    await withToken('stage');
    expect(invocations()).toBe(2);
  });

  test('whose cached policy covers one path denies another path', async () => {
    expect([(await withToken('here')).status, (await withToken('here', '/mcp')).status]).toEqual([200, 403]);
    expect(invocations()).toBe(1);
  });

  test('that denies sets the challenge of the 403', async () => {
    const response = await withToken('deny');
    expect(response.status).toBe(403);
    expect(response.headers.get('www-authenticate')).toBe('Bearer error="insufficient_scope"');
    expect(await response.json()).toEqual({ error: 'User is not authorized to access this resource', who: 'me' });
    await withToken('deny');
    expect(invocations()).toBe(1);
  });

  test.each([
    ['crash', 'AUTHORIZER_FAILURE: no keys'],
    ['nonsense', 'AUTHORIZER_CONFIGURATION_ERROR: '],
    ['object', 'AUTHORIZER_CONFIGURATION_ERROR: '],
  ])('with an invalid result (%s) results in 500', async (token, error) => {
    const response = await withToken(token);
    expect([response.status, await response.json()]).toEqual([500, { message: null }]);
    expect((await logged()).error).toContain(error);
  });
});

describe('the gateway', () => {
  test.each([
    ['/nowhere', 'GET'],
    ['/users', 'POST'],
    ['/users/1/2', 'GET'],
    ['//open', 'GET'],
  ])('has no route for %s %s', async (path, method) => {
    const response = await call(path, { method });
    expect([response.status, await response.json()]).toEqual([404, { message: 'Missing Authentication Token' }]);
  });

  test('answers a preflight request of CDK without a function', async () => {
    const response = await call('/mcp', { method: 'OPTIONS' });
    expect(response.status).toBe(204);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'access-control-allow-origin': '*',
      'access-control-allow-methods': 'GET,POST',
      'access-control-allow-headers': 'Authorization',
      'access-control-max-age': '3600',
    });
    expect((await logged()).function).toBeUndefined();
  });

  test('throttles a method by its own setting, and refills its bucket', async () => {
    const get = async () => (await call('/limited')).status;
    expect([await get(), await get(), await get()]).toEqual([200, 200, 429]);
    expect((await call('/limited', { method: 'POST' })).status).toBe(200);
    await clock.advance(1000);
    expect([await get(), await get()]).toEqual([200, 429]);
  });

  test('adds the headers of the default gateway response to a type that is not customized', async () => {
    await clock.advance(10_000);
    for (let i = 0; i < 2; i++) await call('/limited');
    const response = await call('/limited');
    expect([response.status, await response.json()]).toEqual([429, { message: 'Too Many Requests' }]);
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
  });

  test.each([
    ['10 MB, the limit of API Gateway', 10 * 1024 * 1024 + 1],
    ['6 MB, the limit of Lambda', 6 * 1024 * 1024],
  ])('rejects a body above %s', async (_, size) => {
    const response = await call('/open', { method: 'POST', body: 'x'.repeat(size) });
    expect([response.status, await response.json()]).toEqual([413, { message: 'Request Too Long' }]);
    expect(response.headers.get('access-control-allow-origin')).toBeNull();
  });

  test.each([
    [10_240, 200],
    [10_241, 431],
  ])('answers a request whose request line and header values have %d bytes with %d', async (bytes, expected) => {
    const { status, headers } = await new Promise<{ status: number; headers: object }>((resolve, reject) => {
      const { host } = new URL(gateway.origin);
      const requestLine = 'GET /v1/open HTTP/1.1';
      const others = [requestLine, host, 'close'].join('').length;
      const sent = { Host: host, Connection: 'close', 'X-Large': 'x'.repeat(bytes - others) };
      const request = httpRequest(`${gateway.origin}/open`, { headers: sent }, (response) => {
        response.resume();
        resolve({ status: response.statusCode!, headers: response.headers });
      });
      request.on('error', reject).end();
    });
    expect(status).toBe(expected);
    // Not a gateway response.
    expect(headers).not.toHaveProperty('access-control-allow-origin');
    if (expected === 431) expect((await logged()).error).toContain('10241 bytes; the limit of API Gateway is 10240');
  });

  test.each([
    ['evil.example', 403],
    ['127.0.0.1:1', 403],
    ['localhost', 200],
    ['LOCALHOST', 200],
    ['[::1]', 200],
  ])('answers a request for the host %s with %d', async (name, expected) => {
    const { port } = new URL(gateway.origin);
    const Host = name.includes('.') ? name : `${name}:${port}`;
    const status = await new Promise((resolve, reject) => {
      const request = httpRequest(`${gateway.origin}/open`, { headers: { Host } }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      request.on('error', reject).end();
    });
    expect(status).toBe(expected);
  });

  test('does not log the query string', async () => {
    await (await call('/open?case=created&code=secret')).text();
    expect(JSON.stringify(await logged())).not.toContain('secret');
  });

  test('names a port that is in use', async () => {
    const port = Number(new URL(gateway.origin).port);
    await expect(startGatewayServer({ template: template(), functions, port, log: () => undefined })).rejects.toThrow(
      `The port ${port} of 127.0.0.1 is already in use`,
    );
  });
});

describe('a function at its concurrency limit', () => {
  const cleanups: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  /** @param limited the beginning of the logical id of the function that has no execution environment */
  const startWith = async (limited: string, change?: (api: RestApi) => void) => {
    const built = synthesize(change);
    built.json.Resources![idOf(built.json, limited)!]!.Properties!.ReservedConcurrentExecutions = 0;
    const pool = new FunctionPool({
      template: template(built.json),
      assembly: built.assembly,
      environment: () => ({}),
      log: () => undefined,
    });
    cleanups.push(() => pool.close());
    const log = (entry: LogEntry) => entries.push(entry);
    const throttled = await startGatewayServer({ template: template(built.json), functions: pool, port: 0, log });
    cleanups.push(() => throttled.close());
    return (path: string) => fetch(throttled.origin + path, { headers: { Authorization: 'stage' } });
  };
  /** The gateway responses of the stack. */
  const ofTheStack = (api: RestApi) => {
    for (const id of Object.keys(gatewayResponses)) api.node.tryRemoveChild(id);
    new GatewayResponses(api, 'Responses', { api, publicUrl: 'https://example.com', scope: 'mcp' });
  };

  test.each([
    ['a buffered integration', 'Buffered', '/open', 'INTEGRATION_FAILURE: '],
    ['a streaming integration', 'Streaming', '/stream', 'INTEGRATION_FAILURE: '],
    ['an authorizer', 'Authorizing', '/guarded', 'AUTHORIZER_CONFIGURATION_ERROR: '],
  ])(
    'results in 503 with Retry-After through the gateway responses of the stack: %s',
    async (_, limited, path, error) => {
      const get = await startWith(limited, ofTheStack);
      const response = await get(path);
      expect([response.status, response.headers.get('retry-after')]).toEqual([503, '2']);
      expect(await response.json()).toMatchObject({ error: 'temporarily_unavailable' });
      expect((await logged()).error).toContain(error);
    },
  );

  test.each([
    ['a buffered integration', 'Buffered', '/open', 'Internal server error'],
    ['a streaming integration', 'Streaming', '/stream', 'Internal server error'],
    ['an authorizer', 'Authorizing', '/guarded', null],
  ])('results in 500 without a gateway response: %s', async (_, limited, path, message) => {
    const get = await startWith(limited);
    const response = await get(path);
    expect([response.status, await response.json()]).toEqual([500, { message }]);
  });
});

describe('a distribution', () => {
  type Config = Record<string, unknown>;
  const started: GatewayServer[] = [];
  afterEach(async () => {
    for (const each of started.splice(0)) await each.close();
  });

  const [cachingDisabled, allViewer, allViewerExceptHost] = [
    '4135ea2d-6df8-44a3-9df3-4b5a84be39ad',
    '216adef6-5c7f-47e4-b989-5492eafa07d3',
    'b689b0a8-53d0-40ab-baf2-68738e2966ac',
  ];
  const noParts = {
    CookiesConfig: { CookieBehavior: 'none' },
    HeadersConfig: { HeaderBehavior: 'none' },
    QueryStringsConfig: { QueryStringBehavior: 'none' },
  };
  const everyMethod = ['GET', 'HEAD', 'OPTIONS', 'PUT', 'PATCH', 'POST', 'DELETE'];

  type Changes = {
    /** Of the cache policy `Policy`, whose key has the parameters `case` and `kid`. */
    key?: Config;
    /** Of the origin request policy `Request`, which forwards nothing. */
    request?: Config;
    defaultBehavior?: Config;
    /** Of the origin. */
    origin?: Config;
    distribution?: Config;
  };

  /** A template with a distribution in front of the API, as the stack has it. @param behaviors before the default one */
  const withDistribution = (behaviors: Config[], changes: Changes = {}) => {
    const copy = structuredClone(json);
    const [apiId] = Object.entries(copy.Resources!).find(([, { Type }]) => Type === 'AWS::ApiGateway::RestApi')!;
    const CachePolicyConfig = {
      ...{ Name: 'P', MinTTL: 0, DefaultTTL: 300, MaxTTL: 300 },
      ParametersInCacheKeyAndForwardedToOrigin: {
        ...noParts,
        QueryStringsConfig: { QueryStringBehavior: 'whitelist', QueryStrings: ['case', 'kid'] },
        ...changes.key,
      },
    };
    copy.Resources!.Policy = { Type: 'AWS::CloudFront::CachePolicy', Properties: { CachePolicyConfig } };
    const OriginRequestPolicyConfig = { Name: 'R', ...noParts, ...changes.request };
    const Request = { Type: 'AWS::CloudFront::OriginRequestPolicy', Properties: { OriginRequestPolicyConfig } };
    copy.Resources!.Request = Request;
    const origin = {
      Id: 'api',
      DomainName: { 'Fn::Join': ['', [{ Ref: apiId }, '.execute-api.us-east-1.amazonaws.com']] },
      OriginPath: '/v1',
      CustomOriginConfig: { OriginProtocolPolicy: 'https-only', OriginReadTimeout: 1 },
      ...changes.origin,
    };
    const cached = { TargetOriginId: 'api', CachePolicyId: { Ref: 'Policy' }, AllowedMethods: everyMethod };
    const DefaultCacheBehavior = {
      ...{ ...cached, CachePolicyId: cachingDisabled, OriginRequestPolicyId: allViewerExceptHost },
      ...changes.defaultBehavior,
    };
    const DistributionConfig = {
      Origins: [origin],
      DefaultCacheBehavior,
      CacheBehaviors: behaviors.map((each) => ({ ...cached, ...each })),
      CustomErrorResponses: [404, 502, 504].map((ErrorCode) => ({ ErrorCode, ErrorCachingMinTTL: 0 })),
      ...changes.distribution,
    };
    copy.Resources!.Front = { Type: 'AWS::CloudFront::Distribution', Properties: { DistributionConfig } };
    return copy;
  };

  const startWith = async (behaviors: Config[], changes?: Changes) => {
    const copy = withDistribution(behaviors, changes);
    const log = (entry: LogEntry) => entries.push(entry);
    const edge = await startGatewayServer({ template: template(copy), functions, port: 0, log, clock });
    started.push(edge);
    return { edge, get: (path: string, init?: RequestInit) => fetch(edge.origin + path, init), copy };
  };
  const cachedPath = (PathPattern: string, changes: Config = {}) => [{ PathPattern, ...changes }];
  const requestIdOf = async (response: Response) => (await response.json()).requestContext.requestId;
  const namesOf = ({ headers }: { headers: object }) => Object.keys(headers).map((name) => name.toLowerCase());

  describe('with a cached path', () => {
    test('answers from the cache, whatever the headers and the other parameters', async () => {
      const { get } = await startWith(cachedPath('/op*'));
      const first = await requestIdOf(await get('/open?kid=1'));
      const second = await get('/open?kid=1&x=2', { headers: { Authorization: 'other', Cookie: 'a=1' } });
      expect([second.headers.get('x-cache'), await requestIdOf(second)]).toEqual(['Hit from cloudfront', first]);
      expect(await requestIdOf(await get('/open?kid=2'))).not.toBe(first);
      expect((await entries.atLeast(3)).map((entry) => entry.function)).toEqual([
        idOf(json, 'Buffered'),
        undefined,
        idOf(json, 'Buffered'),
      ]);
    });

    test('forwards the parameters of the cache key, and no header of the client', async () => {
      const { get } = await startWith(cachedPath('/open'));
      const headers = { 'X-Custom': 'c', Cookie: 'a=1', Authorization: 'stage' };
      const event = await (await get('/open?kid=1&x=2', { headers })).json();
      expect(event.queryStringParameters).toEqual({ kid: '1' });
      expect(namesOf(event).filter((name) => ['x-custom', 'cookie', 'authorization'].includes(name))).toEqual([]);
      expect(event.requestContext.identity.userAgent).toBe('Amazon CloudFront');
    });

    test('distinguishes responses by headers and cookies of the cache key', async () => {
      const key = {
        HeadersConfig: { HeaderBehavior: 'whitelist', Headers: ['authorization'] },
        CookiesConfig: { CookieBehavior: 'allExcept', Cookies: ['b'] },
      };
      const { get } = await startWith(cachedPath('/open'), { key });
      const idOfCall = async (Authorization: string, Cookie: string) =>
        requestIdOf(await get('/open', { headers: { Authorization, Cookie } }));
      const first = await idOfCall('one', 'a=1; b=1');
      expect(await idOfCall('one', 'b=2; a=1')).toBe(first);
      expect(await idOfCall('two', 'a=1')).not.toBe(first);
      expect(await idOfCall('one', 'a=2')).not.toBe(first);
    });

    test('caches no other path and no other method', async () => {
      const { get } = await startWith(cachedPath('/open'));
      expect((await get('/limited', { method: 'POST' })).headers.get('x-cache')).toBeNull();
      const init = { method: 'POST' };
      expect(await requestIdOf(await get('/open', init))).not.toBe(await requestIdOf(await get('/open', init)));
    });

    test('caches no error with an error TTL of zero', async () => {
      const { get } = await startWith(cachedPath('/open'));
      for (let i = 0; i < 2; i++) {
        const response = await get('/open?case=throw');
        expect([response.status, response.headers.get('x-cache')]).toEqual([502, 'Miss from cloudfront']);
      }
    });

    test('has an empty cache after a deployment and after an invalidation', async () => {
      const { get, edge, copy } = await startWith(cachedPath('/open'));
      const ids = new Set([await requestIdOf(await get('/open'))]);
      edge.replace(template(copy));
      ids.add(await requestIdOf(await get('/open')));
      edge.invalidate();
      ids.add(await requestIdOf(await get('/open')));
      expect(ids.size).toBe(3);
    });

    test('caches a streaming response as a whole', async () => {
      const { get } = await startWith(cachedPath('/stream'), {
        key: { QueryStringsConfig: { QueryStringBehavior: 'all' } },
      });
      const [first, second] = [await get('/stream?case=echo&status=200'), await get('/stream?case=echo&status=200')];
      expect([first, second].map((each) => each.headers.get('x-cache')?.split(' ')[0])).toEqual(['Miss', 'Hit']);
      expect(await second.text()).toBe(await first.text());
    });
  });

  describe('with a compressed path', () => {
    const key = {
      QueryStringsConfig: { QueryStringBehavior: 'all' },
      EnableAcceptEncodingGzip: true,
      EnableAcceptEncodingBrotli: true,
    };
    const compressed = cachedPath('/*', { Compress: true });
    const brotli = { 'Accept-Encoding': 'gzip, deflate, br' };
    const encodingOf = (response: Response) => response.headers.get('content-encoding');

    test('compresses with Brotli or else gzip, and requests no other encoding of the API', async () => {
      const { get } = await startWith(compressed, { key });
      for (const [accepted, forwarded, encoding] of [
        ['gzip, deflate, br', 'br,gzip', 'br'],
        ['gzip;q=1, zstd', 'gzip', 'gzip'],
        ['identity', 'undefined', null],
      ] as const) {
        const response = await get('/open?case=sized&bytes=5000', { headers: { 'Accept-Encoding': accepted } });
        expect([response.headers.get('x-accepted'), encodingOf(response)]).toEqual([forwarded, encoding]);
        expect(Number(response.headers.get('content-length')) < 5000).toBe(encoding !== null);
        expect(await response.text()).toBe('x'.repeat(5000));
      }
    });

    test('answers from the cache with the encoding that it has', async () => {
      const { get } = await startWith(compressed, { key });
      for (const cache of ['Miss', 'Hit']) {
        const response = await get('/open?case=sized&bytes=5000', { headers: brotli });
        expect([response.headers.get('x-cache'), encodingOf(response)]).toEqual([`${cache} from cloudfront`, 'br']);
        expect(await response.text()).toBe('x'.repeat(5000));
      }
    });

    test('makes the ETag of a compressed response a weak one', async () => {
      const { get } = await startWith(compressed, { key });
      const response = await get(`/open?case=sized&bytes=5000&tag=${encodeURIComponent('"1"')}`, { headers: brotli });
      expect(response.headers.get('etag')).toBe('W/"1"');
    });

    test.each([
      ['of 1,000 bytes', 'bytes=1000', 'br'],
      ['of 999 bytes', 'bytes=999', null],
      ['with a listed type and parameters', 'bytes=5000&type=application/json;charset=utf-8', 'br'],
      ['with a type that is not listed', 'bytes=5000&type=text/event-stream', null],
      ['with the status 404', 'bytes=5000&status=404', 'br'],
      ['with the status 500', 'bytes=5000&status=500', null],
      ['that the API has encoded', 'bytes=5000&encoding=identity', 'identity'],
    ])('a response %s has the right encoding', async (_, query, encoding) => {
      const { get } = await startWith(compressed, { key });
      expect(encodingOf(await get(`/open?case=sized&${query}`, { headers: brotli }))).toBe(encoding);
    });

    test('does not compress a stream, whose length is unknown', async () => {
      const { get } = await startWith(compressed, { key });
      const response = await get('/stream?case=sized&type=text/css&status=200', { headers: brotli });
      expect([encodingOf(response), (await response.text()).length]).toEqual([null, 5000]);
    });

    test('does not compress without Compress, or without an encoding in the cache policy', async () => {
      const uncompressed = await startWith(cachedPath('/*'), { key });
      const noEncoding = await startWith(compressed, { key: { QueryStringsConfig: { QueryStringBehavior: 'all' } } });
      for (const { get } of [uncompressed, noEncoding]) {
        expect(encodingOf(await get('/open?case=sized&bytes=5000', { headers: brotli }))).toBeNull();
      }
    });
  });

  test('appends the address of its client to X-Forwarded-For, and is the source of the request at the API', async () => {
    // The path of the second one forwards no header of the client.
    for (const { get } of [await startWith([]), await startWith(cachedPath('/open'))]) {
      const event = await (await get('/open', { headers: { 'X-Forwarded-For': '203.0.113.9' } })).json();
      expect(event.requestContext.identity.sourceIp).toBe('192.0.2.1');
      expect(event.headers['X-Forwarded-For']).toBe('203.0.113.9, 127.0.0.1, 192.0.2.1');
    }
  });

  describe('with the default behavior of the stack', () => {
    test('forwards headers, cookies and parameters of the client, and caches nothing', async () => {
      const { get } = await startWith([]);
      const headers = { 'X-Custom': 'c', Cookie: 'a=1', 'User-Agent': 'mine', Authorization: 'stage' };
      const first = await (await get('/open?x=2&y=3', { headers })).json();
      expect(first.queryStringParameters).toEqual({ x: '2', y: '3' });
      expect(namesOf(first)).toEqual(expect.arrayContaining(['x-custom', 'cookie', 'authorization']));
      expect(first.requestContext.identity.userAgent).toBe('mine');
      expect(await requestIdOf(await get('/open?x=2&y=3', { headers }))).not.toBe(first.requestContext.requestId);
    });

    test('forwards a stream as the function writes it', async () => {
      const { get } = await startWith([]);
      const gate = await closedGate();
      const response = await get(`/stream?case=pause&gate=${gate.url}`);
      const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
      expect((await reader.read()).value).toBe('first');
      gate.open();
      expect((await reader.read()).value).toBe('second');
    });
  });

  test.each([
    ['Authorization', { request: { ...noParts } }, 401],
    ['no header', { defaultBehavior: { OriginRequestPolicyId: undefined } }, 401],
    ['Host, which API Gateway rejects', { defaultBehavior: { OriginRequestPolicyId: allViewer } }, 403],
  ])('with an origin request policy that changes %s answers %o with %d', async (_, changes: Changes, status) => {
    const defaultBehavior = changes.defaultBehavior ?? { OriginRequestPolicyId: { Ref: 'Request' } };
    const { get } = await startWith([], { ...changes, defaultBehavior });
    expect((await get('/guarded', { headers: { Authorization: 'stage' } })).status).toBe(status);
  });

  test('forwards the headers, cookies and parameters that the origin request policy lists', async () => {
    const request = {
      HeadersConfig: { HeaderBehavior: 'whitelist', Headers: ['X-Custom'] },
      CookiesConfig: { CookieBehavior: 'whitelist', Cookies: ['a'] },
      QueryStringsConfig: { QueryStringBehavior: 'allExcept', QueryStrings: ['secret'] },
    };
    const { get } = await startWith([], { request, defaultBehavior: { OriginRequestPolicyId: { Ref: 'Request' } } });
    const headers = { 'X-Custom': 'c', 'X-Other': 'o', Cookie: 'a=1; b=2' };
    const event = await (await get('/open?x=1&secret=2', { headers })).json();
    expect(event.queryStringParameters).toEqual({ x: '1' });
    expect([event.headers['X-Custom'] ?? event.headers['x-custom'], event.headers.Cookie]).toEqual(['c', 'a=1']);
    expect(namesOf(event)).not.toContain('x-other');
  });

  test.each(['POST', 'DELETE', 'OPTIONS', 'PROPFIND'])(
    'rejects %s where only GET and HEAD are allowed',
    async (method) => {
      const { get } = await startWith(cachedPath('/mcp', { AllowedMethods: undefined }));
      const response = await get('/mcp', { method });
      expect([response.status, response.headers.get('x-cache')]).toEqual([403, 'Error from cloudfront']);
      expect((await logged()).error).toBe(`The cache behavior /mcp does not allow ${method}`);
    },
  );

  test.each([
    ['with a body', { 'Content-Length': '1' }, 'x', 403],
    ['with a body of unknown length', { 'Transfer-Encoding': 'chunked' }, 'x', 403],
    ['with an empty body', { 'Content-Length': '0' }, '', 200],
  ])('answers a GET request %s', async (_, headers, body, expected) => {
    const { edge } = await startWith([]);
    const status = await new Promise((resolve, reject) => {
      const request = httpRequest(`${edge.origin}/open`, { headers }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      request.on('error', reject).end(body);
    });
    expect(status).toBe(expected);
    if (expected === 403) expect((await logged()).error).toBe('CloudFront rejects a GET request with a body');
  });

  test('serves an error to all callers for its error TTL, which is ten seconds by default', async () => {
    const { get } = await startWith([], { distribution: { CustomErrorResponses: [] } });
    expect((await get('/nowhere', { headers: { Authorization: 'one' } })).status).toBe(404);
    const second = await get('/nowhere?x=1', { headers: { Authorization: 'two' } });
    expect([second.status, second.headers.get('x-cache')]).toEqual([404, 'Hit from cloudfront']);
    await clock.advance(10_000);
    expect((await get('/nowhere')).headers.get('x-cache')).toBe('Miss from cloudfront');
  });

  describe('whose API is silent for longer than the read timeout', () => {
    test.each(['GET', 'POST'])('answers 504 to a %s without a response', async (method) => {
      const { get } = await startWith([]);
      const pending = get('/stream?case=hang', { method });
      await clock.expire(1000);
      const response = await pending;
      expect([response.status, response.headers.get('x-cache')]).toEqual([504, 'Error from cloudfront']);
      expect((await logged()).error).toBe('CloudFront: the API was silent for 1000 ms');
    });

    test('cuts a response that has begun', async () => {
      const { get } = await startWith([]);
      const response = await get('/stream?case=hangLate');
      await clock.expire(1000);
      await expect(response.text()).rejects.toThrow();
      expect((await logged()).error).toBe('CloudFront: the API was silent for 1000 ms');
    });

    test('serves a stale response in its place', async () => {
      const key = { QueryStringsConfig: { QueryStringBehavior: 'none' } };
      const { get } = await startWith(cachedPath('/open', { OriginRequestPolicyId: allViewerExceptHost }), { key });
      await (await get('/open?case=lasting')).text();
      await clock.advance(2000);
      const pending = get('/open?case=hang');
      await clock.expire(1000);
      expect([(await pending).status, (await pending).headers.get('age')]).toEqual([200, '2']);
    });
  });

  test('does not cut a stream whose function writes before the read timeout', async () => {
    const { get } = await startWith([]);
    const gate = await closedGate();
    const response = await get(`/stream?case=pause&gate=${gate.url}`);
    await clock.advance(900);
    gate.open();
    expect(await response.text()).toBe('firstsecond');
  });

  test('of other origins is ignored', async () => {
    const { get } = await startWith([], { origin: { DomainName: 'other.example' } });
    expect((await get('/open', { method: 'PROPFIND' })).headers.get('x-cache')).toBeNull();
  });

  test.each<[string, Config, Changes, RegExp]>([
    ['a wildcard in a policy', {}, { key: { CookiesConfig: { CookieBehavior: 'all', Cookies: ['a*'] } } }, /^Policy: /],
    [
      'headers of CloudFront',
      { OriginRequestPolicyId: { Ref: 'Request' } },
      { request: { HeadersConfig: { HeaderBehavior: 'allViewerAndWhitelistCloudFront' } } },
      /^Request: .*the behavior allViewerAndWhitelistCloudFront/,
    ],
    ['an unknown cache policy', { CachePolicyId: '4135ea2d' }, {}, /^Front: .*the cache policy 4135ea2d/],
    ['an unknown origin request policy', { OriginRequestPolicyId: 'b689' }, {}, /^Front: .*request policy b689/],
    ['a function', { FunctionAssociations: [{}] }, {}, /^Front: .*FunctionAssociations/],
    ['another origin', { TargetOriginId: 'other' }, {}, /^Front: .*other origins \(\/open\)/],
    ['a path of the API without its stage', {}, { origin: { OriginPath: '' } }, /^Front: .*the stage v1/],
    [
      'plain HTTP to the API',
      {},
      { origin: { CustomOriginConfig: { OriginProtocolPolicy: 'match-viewer' } } },
      /^Front: .*the stage v1 of the API by https/,
    ],
    [
      'custom error pages',
      {},
      { distribution: { CustomErrorResponses: [{ ErrorCode: 404, ResponsePagePath: '/404' }] } },
      /^Front: .*custom error pages/,
    ],
  ])('is not supported with %s', async (_, behavior, changes, message) => {
    await expect(startWith(cachedPath('/open', behavior), changes)).rejects.toThrow(message);
  });
});

describe('an API with a resource policy', () => {
  const everything = { Principal: '*', Action: 'execute-api:Invoke', Resource: 'execute-api:/*' };
  const unless = (secret: string) => [
    { Effect: 'Allow', ...everything },
    { Effect: 'Deny', ...everything, Condition: { StringNotEquals: { 'aws:Referer': secret } } },
  ];
  /** @param header a header that CloudFront adds */
  const startWith = async (Statement: unknown, header?: [HeaderName: string, HeaderValue: string]) => {
    const copy = structuredClone(json);
    const [apiId, api] = Object.entries(copy.Resources!).find(([, { Type }]) => Type === 'AWS::ApiGateway::RestApi')!;
    api.Properties = { ...api.Properties, Policy: { Version: '2012-10-17', Statement } };
    if (header !== undefined) {
      const DomainName = { 'Fn::Join': ['', [{ Ref: apiId }, '.execute-api.us-east-1.amazonaws.com']] };
      const OriginCustomHeaders = [{ HeaderName: header[0], HeaderValue: header[1] }];
      const CustomOriginConfig = { OriginProtocolPolicy: 'https-only' };
      const origin = { Id: 'api', DomainName, OriginPath: '/v1', OriginCustomHeaders, CustomOriginConfig };
      const DefaultCacheBehavior = {
        TargetOriginId: 'api',
        CachePolicyId: '4135ea2d-6df8-44a3-9df3-4b5a84be39ad',
        OriginRequestPolicyId: 'b689b0a8-53d0-40ab-baf2-68738e2966ac',
      };
      const DistributionConfig = { Origins: [origin], DefaultCacheBehavior };
      copy.Resources!.Front = { Type: 'AWS::CloudFront::Distribution', Properties: { DistributionConfig } };
    }
    const log = (entry: LogEntry) => entries.push(entry);
    const guarded = await startGatewayServer({ template: template(copy), functions, port: 0, log });
    started.push(guarded);
    return (path: string, headers: Record<string, string> = {}) => fetch(guarded.origin + path, { headers });
  };
  const started: GatewayServer[] = [];
  afterEach(async () => {
    for (const each of started.splice(0)) await each.close();
  });

  test('rejects a request without the header before the authorizer runs', async () => {
    const get = await startWith(unless('secret'));
    const attempts: Record<string, string>[] = [{}, { Referer: 'guess' }, { Referer: 'guess', Authorization: 'stage' }];
    for (const headers of attempts) {
      for (const path of ['/open', '/mcp']) {
        const response = await get(path, headers);
        expect([response.status, response.headers.get('www-authenticate')]).toEqual([403, null]);
        expect(await response.json()).toEqual({
          error: 'User is not authorized to access this resource',
          who: '',
        });
      }
    }
    expect([invocations(), (await logged()).function]).toEqual([0, undefined]);
    expect((await get('/open', { Referer: 'secret' })).status).toBe(200);
  });

  test.each(['referer', 'Referer'])('receives the header of CloudFront in place of %s of the client', async (name) => {
    const get = await startWith(unless('secret'), ['Referer', 'secret']);
    const event = await (await get('/open?case=echo', { [name]: 'guess' })).json();
    expect(event.multiValueHeaders).toMatchObject({ Referer: ['secret'] });
    expect(event.headers).not.toHaveProperty('referer');
  });

  test('rejects all requests if CloudFront adds another value', async () => {
    const get = await startWith(unless('secret'), ['Referer', 'another']);
    expect((await get('/open', { Referer: 'secret' })).status).toBe(403);
  });

  test('without an Allow admits the requests that an authorizer allows', async () => {
    const get = await startWith(unless('secret').slice(1), ['Referer', 'secret']);
    expect((await get('/open')).status).toBe(403);
    expect((await get('/guarded', { Authorization: 'stage' })).status).toBe(200);
  });

  test('that allows all requests is overridden by a Deny of the authorizer alone', async () => {
    const withPolicy = await startWith(unless('secret'), ['Referer', 'secret']);
    const headers = { Authorization: 'here' };
    expect((await withPolicy('/guarded', headers)).status).toBe(200);
    expect((await withPolicy('/mcp', headers)).status).toBe(202);
    expect((await withPolicy('/mcp', { Authorization: 'deny' })).status).toBe(403);
  });

  test.each([
    ['about a principal', { Effect: 'Allow', ...everything, Principal: { AWS: 'arn:aws:iam::000000000000:root' } }],
    [
      'about addresses',
      { Effect: 'Deny', ...everything, Condition: { IpAddress: { 'aws:SourceIp': '192.0.2.0/24' } } },
    ],
    [
      'about another condition key',
      { Effect: 'Deny', ...everything, Condition: { StringEquals: { 'aws:UserAgent': 'x' } } },
    ],
    ['with NotAction', { Effect: 'Allow', ...everything, NotAction: 'execute-api:Manage' }],
  ])('is not supported with a statement %s', async (_, statement) => {
    await expect(startWith([statement])).rejects.toThrow(/does not support the policy statement/);
  });
});

describe('a template is rejected', () => {
  const startWith = (change: (resources: NonNullable<TemplateJson['Resources']>) => void) => {
    const copy = structuredClone(json);
    change(copy.Resources!);
    return startGatewayServer({ template: template(copy), functions, port: 0, log: () => undefined });
  };
  const ofType = (resources: NonNullable<TemplateJson['Resources']>, type: string) =>
    Object.entries(resources).filter(([, { Type }]) => Type === type);

  test('without a permission to invoke the function', async () => {
    const started = startWith((resources) => {
      for (const [id] of ofType(resources, 'AWS::Lambda::Permission')) delete resources[id];
    });
    await expect(started).rejects.toThrow(/no AWS::Lambda::Permission allows API Gateway to invoke/);
  });

  test('with a transfer mode that contradicts its URI', async () => {
    const started = startWith((resources) => {
      for (const [, { Properties }] of ofType(resources, 'AWS::ApiGateway::Method')) {
        delete (Properties!.Integration as Record<string, unknown>).ResponseTransferMode;
      }
    });
    await expect(started).rejects.toThrow(/disagree about streaming/);
  });

  test('with a mapping template that has directives', async () => {
    const { json: changed } = synthesize((api) =>
      api.root.getResource('open')?.addCorsPreflight({ allowOrigins: ['https://a.example', 'https://b.example'] }),
    );
    const started = startGatewayServer({ template: template(changed), functions, port: 0, log: () => undefined });
    await expect(started).rejects.toThrow(/does not support mapping templates/);
  });
});
