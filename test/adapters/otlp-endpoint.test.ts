import { createServer, type IncomingHttpHeaders, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { otlpEndpoint, signedForXRay } from '../../lambda/adapters/otlp-endpoint.ts';

let server: Server;
let respond: RequestListener;
let received: { url: string; headers: IncomingHttpHeaders; body: string }[];
let base: string;

beforeAll(async () => {
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      received.push({ url: request.url!, headers: request.headers, body });
      respond(request, response);
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
beforeEach(() => {
  received = [];
  respond = (_request, response) => void response.end('{}');
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const answering = (status: number, text: string, headers = {}) => {
  respond = (_request, response) => void response.writeHead(status, headers).end(text);
};
const endpoint = () => otlpEndpoint(`${base}/otlp/`, async (_url, headers) => ({ ...headers, 'x-key': 'hunter2' }));

test('a message is posted as JSON to the path of its signal, with the headers', async () => {
  expect(await endpoint().send('traces', { resourceSpans: [] })).toBeUndefined();
  expect(received).toEqual([
    {
      url: '/otlp/v1/traces',
      headers: expect.objectContaining({ 'content-type': 'application/json', 'x-key': 'hunter2' }),
      body: '{"resourceSpans":[]}',
    },
  ]);
});

test.each([400, 413])('a response of %s states a rejection', async (status) => {
  answering(status, 'bad\nspan');
  expect(await endpoint().send('traces', {})).toBe(`${base} responded with ${status}: bad\uFFFDspan`);
});

test('a partial success states how much was rejected', async () => {
  answering(200, '{"partialSuccess":{"rejectedSpans":"3","errorMessage":"too old"}}');
  expect(await endpoint().send('traces', {})).toBe('3 rejected: too old');
  answering(200, '{"partialSuccess":{"errorMessage":"a warning"}}');
  expect(await endpoint().send('traces', {})).toBeUndefined();
});

test.each([429, 500, 503, 404])('a response of %s throws', async (status) => {
  answering(status, 'later');
  await expect(endpoint().send('metrics', {})).rejects.toThrow(`${base} responded with ${status}: later`);
});

test.each([401, 403])('a response of %s throws without its text, which may quote the key', async (status) => {
  answering(status, 'unknown key hunter2');
  await expect(endpoint().send('metrics', {})).rejects.toThrow(/: check the secret with the headers$/);
});

test('a redirect is not followed', async () => {
  answering(307, '', { location: `${base}/elsewhere` });
  await expect(endpoint().send('traces', {})).rejects.toThrow('responded with 307');
  expect(received.length).toBe(1);
});

test('of a response without an end the beginning is read', async () => {
  respond = (_request, response) => {
    response.writeHead(400);
    const more = () => {
      while (!response.destroyed && response.write('x'.repeat(10_000)));
    };
    response.on('drain', more);
    more();
  };
  expect((await endpoint().send('traces', {}))!.length).toBeLessThan(300);
});

test('an endpoint that is not there is named, without the headers', async () => {
  const absent = otlpEndpoint('http://127.0.0.1:1', async () => ({ 'x-key': 'hunter2' }));
  await expect(absent.send('traces', {})).rejects.toThrow(/^http:\/\/127\.0\.0\.1:1 is not reachable: (?!.*hunter2)/);
});

test('requests to X-Ray are signed for its service', async () => {
  await otlpEndpoint(base, signedForXRay).send('traces', { resourceSpans: [] });
  expect(received[0]!.headers.authorization).toMatch(
    /^AWS4-HMAC-SHA256 Credential=.*\/xray\/aws4_request, SignedHeaders=content-type;host;x-amz-/,
  );
});
