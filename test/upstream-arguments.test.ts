import { upstream } from '../lambda/upstream.ts';

/** The arguments of `upstream()`, checked when the function loads its module. */

const environment = { ...process.env };
beforeEach(() => {
  const addresses = {
    orders: { url: 'https://orders.example/mcp' },
    local: { url: 'not-emulated-Url.FunctionUrlmcp' },
  };
  Object.assign(process.env, {
    PUBLIC_URL: 'https://mcp.example',
    HOLD_SECONDS: '270',
    UPSTREAM_KEY_ID: 'key-1',
    UPSTREAMS: JSON.stringify(addresses),
  });
});
afterEach(() => {
  process.env = { ...environment };
});

// Before a call that succeeds: the key is read once.
test('a server without the setting upstreams is rejected', () => {
  delete process.env.UPSTREAM_KEY_ID;
  expect(() => upstream({ url: 'https://a.example/mcp' })).toThrow('upstream() needs the setting upstreams');
});

test('a name of the setting and a URL are accepted', () => {
  expect(upstream({ name: 'orders' })).toBeInstanceOf(Function);
  expect(upstream({ url: 'http://localhost:8000/mcp' })).toBeInstanceOf(Function);
});

test('a variable replaces the URL of a name', () => {
  process.env.UPSTREAM_LOCAL_URL = 'http://localhost:8000/mcp';
  expect(upstream({ name: 'local' })).toBeInstanceOf(Function);
});

test.each<[Parameters<typeof upstream>, string]>([
  [[{ name: 'billing' }], 'The upstream server billing does not exist: the setting upstreams has orders, local'],
  [[{ name: 'local' }], '"not-emulated-Url.FunctionUrlmcp": use https without a query, or set UPSTREAM_LOCAL_URL'],
  [[{ url: 'http://orders.example/mcp' }], '"http://orders.example/mcp": use https without a query'],
  [[{ url: 'https://user:secret@orders.example/mcp' }], 'use https without a query'],
  [
    [{ name: 'orders' }, { url: 'https://b.example/mcp', prefix: 'b_' }],
    'Upstream servers orders and b.example need distinct prefixes',
  ],
  [
    [
      { name: 'orders', prefix: 'a_' },
      { url: 'https://b.example/mcp', prefix: 'a_b_' },
    ],
    'Upstream servers orders and b.example need distinct prefixes',
  ],
])('%o are rejected', (given, message) => {
  expect(() => upstream(...given)).toThrow(message);
});
