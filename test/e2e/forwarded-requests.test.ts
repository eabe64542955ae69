import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createMcpHandler } from '@modelcontextprotocol/server';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { assistants } from '../../bench/harness/mcp-clients.ts';
import { callTool, initialize, postMcp } from '../../bench/harness/raw-oauth-client.ts';
import { forwardingEdits, forwardTo } from '../support/forwarding-project.ts';
import { TestCloud } from '../support/test-cloud.ts';
import { createV2Server } from '../support/upstream-fixtures.ts';

/** A server of Node.js behind the deployed functions, which accepts requests with a valid assertion alone. */

jest.setTimeout(60_000);

let upstream: Server;
let url: string;
let cloud: TestCloud;
/** The `Authorization` of each accepted request. */
const accepted: string[] = [];

beforeAll(async () => {
  const handler = createMcpHandler(() => createV2Server(), { legacy: 'reject' });
  upstream = createServer(async (request, response) => {
    const { authorization = '' } = request.headers;
    try {
      const keys = createRemoteJWKSet(new URL(`${cloud.origin}/upstream/jwks.json`));
      const checks = { issuer: `${cloud.origin}/upstream`, audience: url, typ: 'upstream-assertion+jwt' };
      await jwtVerify(authorization.replace('Bearer ', ''), keys, checks);
    } catch (error) {
      response.writeHead(401).end(String(error));
      return;
    }
    accepted.push(authorization);
    const body = Buffer.concat(await request.toArray());
    const headers = new Headers(request.headers as Record<string, string>);
    const answer = await handler.fetch(new Request(url, { method: 'POST', headers, body }));
    response.writeHead(answer.status, Object.fromEntries(answer.headers));
    for await (const piece of answer.body ?? []) response.write(piece);
    response.end();
  }).listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  url = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}/mcp`;
  cloud = await TestCloud.start({ edits: forwardingEdits, change: forwardTo(url) });
});
afterAll(async () => {
  await cloud?.stop();
  upstream?.close();
});

test.each(assistants)('%s calls the tools of the server, with progress and elicitation', async (_name, connect) => {
  const names: Record<string, string> = { 'First name?': 'Ada', 'Last name?': 'Lovelace' };
  const answer = async (message: string) => ({ name: names[message]! }) as never;
  const assistant = await connect(cloud.mcpUrl, 'ada', undefined, answer);
  expect(await assistant.listTools()).toEqual(['echo', 'fail', 'report', 'greet']);
  const progress: number[] = [];
  await assistant.call('report', {}, (each) => void progress.push(each));
  expect(progress).toEqual([1]);
  expect(await assistant.call('fail')).toEqual({ text: 'The order does not exist', isError: true });
  expect(await assistant.call('greet')).toEqual({ text: 'Hello Ada Lovelace', isError: false });
  await assistant.close();
});

test('an assertion is no access token, and an access token no assertion', async () => {
  const { tokens } = await cloud.signedIn();
  const { access_token } = tokens;
  expect((await postMcp(cloud.origin, access_token, initialize)).status).toBe(200);
  const assertion = accepted.at(-1)!.replace('Bearer ', '');
  expect((await postMcp(cloud.origin, assertion, callTool('echo', { value: '' }))).status).toBe(401);
  const direct = await fetch(url, { method: 'POST', headers: { authorization: `Bearer ${access_token}` }, body: '{}' });
  expect(direct.status).toBe(401);
});

test('the keys of assertions and of access tokens are published apart', async () => {
  const keysAt = async (path: string) => {
    const { keys } = (await (await fetch(`${cloud.origin}${path}`)).json()) as { keys: Record<string, string>[] };
    return keys;
  };
  const [assertions, tokens] = await Promise.all([keysAt('/upstream/jwks.json'), keysAt('/jwks.json')]);
  expect(assertions).toMatchObject([{ kty: 'EC', crv: 'P-256', alg: 'ES256', use: 'sig' }]);
  expect(Object.keys(assertions[0]!)).not.toContain('d');
  expect(tokens.map(({ x }) => x)).not.toContain(assertions[0]!.x);
  expect(tokens.map(({ kid }) => kid)).not.toContain(assertions[0]!.kid);
});
