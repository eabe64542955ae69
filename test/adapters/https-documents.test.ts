import type { LookupAddress } from 'node:dns';
import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, LookupFunction } from 'node:net';
import { type Certificate, newCertificate } from '../../bench/harness/certificate.ts';
import { httpsDocuments } from '../../lambda/adapters/https-documents.ts';
import { ClientDocumentError } from '../../lambda/core/oauth/clients/client-document.ts';

/** The fetcher against real servers: responses of unknown servers, and addresses of unknown names. */

const HOST = 'client.example';

let certificate: Certificate;
let server: Server;
let answer: RequestListener;
let asked: { url: string | undefined; headers: Record<string, unknown> }[];

beforeAll(async () => {
  certificate = await newCertificate(HOST);
  server = createServer(certificate, (request, response) => {
    asked.push({ url: request.url, headers: request.headers });
    answer(request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
beforeEach(() => {
  asked = [];
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const port = () => (server.address() as AddressInfo).port;
const url = (path = '/client.json') => `https://${HOST}:${port()}${path}`;

/** A lookup that returns the next of the given addresses for each query. */
function resolvingTo(...answers: string[][]): { lookup: LookupFunction; questions: () => number } {
  let question = 0;
  return {
    questions: () => question,
    lookup(_name, options, done) {
      const addresses = answers[Math.min(question++, answers.length - 1)]!.map(
        (address): LookupAddress => ({ address, family: address.includes(':') ? 6 : 4 }),
      );
      if (options.all) (done as (error: null, addresses: LookupAddress[]) => void)(null, addresses);
      else done(null, addresses[0]!.address, addresses[0]!.family);
    },
  };
}

const here = resolvingTo(['127.0.0.1']).lookup;
const fetcher = (change: Partial<Parameters<typeof httpsDocuments>[0]> = {}) =>
  httpsDocuments({ anywhere: true, ca: certificate.cert, lookup: here, ...change });

const json = { 'content-type': 'application/json' };

test('fetch returns a document with its caching headers', async () => {
  answer = (_, response) => {
    response.writeHead(200, { ...json, etag: '"1"', 'cache-control': 'max-age=600', age: '30' }).end('{"a":1}');
  };
  expect(await fetcher().fetch(url())).toEqual({
    kind: 'document',
    text: '{"a":1}',
    etag: '"1"',
    cacheControl: 'max-age=600',
    age: '30',
  });
  expect(asked[0]!.headers).toMatchObject({ host: `${HOST}:${port()}`, 'accept-encoding': 'identity' });
  expect(asked[0]!.headers).not.toHaveProperty('if-none-match');
});

test('fetch sends the entity tag of a known copy and returns unchanged for 304', async () => {
  answer = (_, response) => {
    response.writeHead(304, { 'cache-control': 'max-age=60' }).end();
  };
  expect(await fetcher().fetch(url(), '"1"')).toMatchObject({ kind: 'unchanged', cacheControl: 'max-age=60' });
  expect(asked[0]!.headers['if-none-match']).toBe('"1"');
  await expect(fetcher().fetch(url())).rejects.toThrow(ClientDocumentError);
});

test.each([301, 302, 303, 307, 308])(
  'fetch rejects a redirect with status %i and does not follow it',
  async (status) => {
    answer = (_, response) => {
      response.writeHead(status, { location: url('/elsewhere.json') }).end();
    };
    await expect(fetcher().fetch(url())).rejects.toThrow(ClientDocumentError);
    expect(asked.map((each) => each.url)).toEqual(['/client.json']);
  },
);

test.each<[string, RequestListener]>([
  ['of 6 KB', (_, response) => response.writeHead(200, json).end(`"${'x'.repeat(6 * 1024)}"`)],
  [
    'of 6 KB that claims to be small',
    (_, response) => {
      response.writeHead(200, { ...json, 'x-length': '10' });
      response.write(`"${'x'.repeat(3000)}`);
      response.end(`${'x'.repeat(3000)}"`);
    },
  ],
  [
    'without end',
    (request, response) => {
      response.writeHead(200, json);
      const timer = setInterval(() => response.write('x'.repeat(512)), 1);
      request.on('close', () => clearInterval(timer));
    },
  ],
  ['that is HTML', (_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('{}')],
  ['of no type', (_, response) => response.writeHead(200).end('{}')],
  [
    'that is compressed against the request',
    (_, response) => response.writeHead(200, { ...json, 'content-encoding': 'gzip' }).end('x'),
  ],
  ['that is not UTF-8', (_, response) => response.writeHead(200, json).end(Buffer.from([0xff, 0xfe]))],
  ['that is not there', (_, response) => response.writeHead(404, json).end('{}')],
  ['that requires authentication', (_, response) => response.writeHead(401, json).end('{}')],
])('a document %s is rejected', async (_what, listener) => {
  answer = listener;
  await expect(fetcher().fetch(url())).rejects.toThrow(ClientDocumentError);
});

const late = 'its host did not answer within 0.2 seconds';

test.each<[string, RequestListener, string]>([
  ['does not answer', () => undefined, late],
  [
    'does not end',
    (_, response) => {
      response.writeHead(200, json);
      response.write('{');
    },
    late,
  ],
  [
    'sends byte after byte',
    (request, response) => {
      response.writeHead(200, json);
      const timer = setInterval(() => response.write(' '), 20);
      request.on('close', () => clearInterval(timer));
    },
    late,
  ],
  ['hangs up', (request) => request.socket.destroy(), 'its host closed the connection (ECONNRESET)'],
  ['fails', (_, response) => response.writeHead(503).end(), 'its host answered 503'],
  ['has had too many requests', (_, response) => response.writeHead(429).end(), 'its host answered 429'],
])('a server that %s is unreachable, and a retry is allowed', async (_what, listener, message) => {
  answer = listener;
  const fetched = fetcher({ timeoutMilliseconds: 200 }).fetch(url());
  await expect(fetched).rejects.toMatchObject({ name: 'ClientDocumentError', fault: 'unreachable', message });
});

test.each([
  ['ENOTFOUND', 'the name of its host is unknown (ENOTFOUND)'],
  ['EAI_AGAIN', 'the name of its host cannot be looked up (EAI_AGAIN)'],
  ['ENETUNREACH', 'the network does not reach its host (ENETUNREACH)'],
  ['EOTHER', 'the connection to its host failed (EOTHER)'],
])('a host whose lookup fails with %s is unreachable, for a reason in words', async (code, message) => {
  const lookup: LookupFunction = (name, _, done) =>
    done(Object.assign(new Error(`getaddrinfo ${code} ${name}`), { code }), '', 4);
  await expect(fetcher({ lookup }).fetch(url())).rejects.toMatchObject({ fault: 'unreachable', message });
});

test('a host that refuses the connection is unreachable, for a reason in words', async () => {
  const closed = createServer(certificate).listen(0, '127.0.0.1');
  await once(closed, 'listening');
  const { port: unused } = closed.address() as AddressInfo;
  closed.close();
  await once(closed, 'close');
  await expect(fetcher().fetch(`https://${HOST}:${unused}/client.json`)).rejects.toMatchObject({
    fault: 'unreachable',
    message: 'its host refuses the connection (ECONNREFUSED)',
  });
});

test('fetch rejects a certificate of an unknown authority', async () => {
  answer = (_, response) => response.writeHead(200, json).end('{}');
  await expect(fetcher({ ca: undefined }).fetch(url())).rejects.toMatchObject({
    fault: 'unreachable',
    message: expect.stringMatching(/^its host has no valid certificate \([A-Z_]+\)$/),
  });
  expect(asked).toEqual([]);
});

describe('the address of a name', () => {
  test.each([
    '127.0.0.1',
    '10.1.2.3',
    '172.16.0.1',
    '192.168.1.1',
    '100.64.0.1',
    '169.254.169.254',
    '0.0.0.0',
    '192.0.0.1',
    '198.18.0.1',
    '203.0.113.1',
    '224.0.0.1',
    '240.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    'fc00::1',
    'fd00:ec2::254',
    'fe80::1',
    'ff02::1',
    '::ffff:127.0.0.1',
    '::ffff:169.254.169.254',
    '64:ff9b::7f00:1',
    '64:ff9b:1::7f00:1',
    '2002:7f00:1::',
    '2001::1',
    '2001:db8::1',
    '::127.0.0.1',
  ])('at %s is rejected before a request is sent', async (address) => {
    const { lookup, questions } = resolvingTo([address]);
    await expect(fetcher({ anywhere: false, lookup }).fetch(url())).rejects.toThrow(/not at a public address/);
    expect([questions(), asked.length]).toEqual([1, 0]);
  });

  test('is checked for a URL with an address as its host', async () => {
    const direct = `https://127.0.0.1:${port()}/client.json`;
    await expect(fetcher({ anywhere: false, lookup: undefined }).fetch(direct)).rejects.toThrow(ClientDocumentError);
    expect(asked).toEqual([]);
  });

  test('is rejected when one of several is private', async () => {
    for (const addresses of [
      ['93.184.215.14', '127.0.0.1'],
      ['127.0.0.1', '93.184.215.14'],
    ]) {
      const { lookup } = resolvingTo(addresses);
      await expect(fetcher({ anywhere: false, lookup }).fetch(url())).rejects.toThrow(ClientDocumentError);
    }
    expect(asked).toEqual([]);
  });

  test('is looked up once, and the connection uses the checked result', async () => {
    const connectedTo: (string | undefined)[] = [];
    answer = (request, response) => {
      connectedTo.push(request.socket.localAddress);
      response.writeHead(200, json).end('{}');
    };
    const { lookup, questions } = resolvingTo(['127.0.0.1'], ['127.0.0.2']);
    await fetcher({ lookup }).fetch(url());
    expect([questions(), connectedTo]).toEqual([1, ['127.0.0.1']]);
  });

  test('is looked up by every fetch', async () => {
    answer = (_, response) => response.writeHead(200, json).end('{}');
    const { lookup, questions } = resolvingTo(['127.0.0.1']);
    const same = fetcher({ lookup });
    await same.fetch(url());
    await same.fetch(url());
    expect(questions()).toBe(2);
  });
});
