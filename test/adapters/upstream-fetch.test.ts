import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fetchUpstream } from '../../lambda/adapters/upstream-fetch.ts';

/** Requests to upstream servers, as they arrive. */

let server: Server;
let url: string;
let received: (IncomingMessage & { text: string })[];
let status = 200;

beforeAll(async () => {
  server = createServer(async (request, response) => {
    const text = Buffer.concat(await request.toArray()).toString();
    received.push(Object.assign(request, { text }));
    response.writeHead(status, { location: '/elsewhere' }).end('answer');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  received = [];
  status = 200;
});

const environment = { ...process.env };
afterEach(() => {
  process.env = { ...environment };
});

const request = (signal = new AbortController().signal) => ({
  method: 'POST' as const,
  headers: { 'content-type': 'application/json', 'mcp-method': 'tools/list' },
  body: '{"id":1}',
  assertion: 'header.claims.signature',
  signal,
});

test('the assertion is the bearer token of a request', async () => {
  await fetchUpstream(url, { iam: false })(request());
  const [{ headers, text }] = received as [(typeof received)[0]];
  expect(headers.authorization).toBe('Bearer header.claims.signature');
  expect(headers['x-holdfast-assertion']).toBeUndefined();
  expect([headers['mcp-method'], text]).toEqual(['tools/list', '{"id":1}']);
});

test('a request to a function URL is signed by the role, assertion and body included', async () => {
  Object.assign(process.env, {
    AWS_REGION: 'eu-west-1',
    AWS_ACCESS_KEY_ID: 'ASIAEXAMPLE',
    AWS_SECRET_ACCESS_KEY: 'secret',
    AWS_SESSION_TOKEN: 'session',
  });
  const send = fetchUpstream(url, { iam: true });
  await send(request());
  await send({ ...request(), body: '{"id":2}' });
  const [first, second] = received.map(({ headers }) => headers);
  expect(first!.authorization).toMatch(
    /^AWS4-HMAC-SHA256 Credential=ASIAEXAMPLE\/\d{8}\/eu-west-1\/lambda\/aws4_request, SignedHeaders=[\w;-]+, Signature=[0-9a-f]{64}$/,
  );
  const [, signed = ''] = /SignedHeaders=([\w;-]+)/.exec(first!.authorization!) ?? [];
  expect(signed.split(';')).toEqual(
    expect.arrayContaining(['host', 'mcp-method', 'x-amz-date', 'x-amz-security-token', 'x-holdfast-assertion']),
  );
  expect(first!['x-holdfast-assertion']).toBe('header.claims.signature');
  expect(first!['x-amz-security-token']).toBe('session');
  expect(second!['x-amz-content-sha256']).not.toBe(first!['x-amz-content-sha256']);
});

test('a redirect is returned, not followed', async () => {
  status = 307;
  const response = await fetchUpstream(url, { iam: false })(request());
  expect([response.status, received.length]).toEqual([307, 1]);
});

test('an aborted request ends', async () => {
  const controller = new AbortController();
  controller.abort();
  await expect(fetchUpstream(url, { iam: false })(request(controller.signal))).rejects.toThrow('aborted');
});
