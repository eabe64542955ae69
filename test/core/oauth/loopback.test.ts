import { hasPrivateMembers } from '../../../lambda/shared/jwk-members.ts';
import { isLoopbackHost, isLoopbackUri, withoutLoopbackPort } from '../../../lambda/shared/loopback.ts';

test.each(['http://localhost/cb', 'http://127.0.0.1:33418/cb', 'http://127.9.9.9', 'http://[::1]:80?x=1'])(
  'a redirect URI on loopback is recognised: %s',
  (uri) => expect(isLoopbackUri(uri)).toBe(true),
);

test.each([
  'https://localhost/cb',
  'http://LOCALHOST/cb',
  'http://127.1/cb',
  'http://2130706433/cb',
  'http://127.0.0.1@evil.example/cb',
  'http://127.0.0.1.evil.example/cb',
  'http://localhost:x/cb',
])('a redirect URI in another form is not on loopback: %s', (uri) => expect(isLoopbackUri(uri)).toBe(false));

test('a loopback URI loses its port and nothing else', () => {
  expect(withoutLoopbackPort('http://[::1]:33418/cb?port=:1')).toBe('http://[::1]/cb?port=:1');
  expect(withoutLoopbackPort('https://c.example:8443/cb')).toBe('https://c.example:8443/cb');
});

test.each([
  ['http://localhost:8787/mcp', true],
  ['http://127.0.0.1/', true],
  ['http://[::1]:1/', true],
  ['http://localhost.evil.example/', false],
  ['http://10.0.0.1/', false],
])('the host of %s is on loopback: %s', (url, expected) => expect(isLoopbackHost(new URL(url))).toBe(expected));

test.each(['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'])('a JWK with the member %s is not public', (member) => {
  expect(hasPrivateMembers({ kty: 'RSA', [member]: 'x' })).toBe(true);
  expect(hasPrivateMembers({ kty: 'RSA', n: 'x', e: 'AQAB' })).toBe(false);
});
