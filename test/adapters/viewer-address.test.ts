import { viewerAddress } from '../../lambda/adapters/logging/viewer-address.ts';

const defaultHost = 'abc123.execute-api.eu-west-1.amazonaws.com';

const addressOf = (domainName: string, sourceIp: string, ...forwardedFor: string[]) =>
  viewerAddress({
    requestContext: { requestId: 'r', apiId: 'abc123', domainName, identity: { sourceIp } },
    multiValueHeaders: { 'x-forwarded-for': forwardedFor },
  });

describe('the address of a client', () => {
  test('of a custom domain is the source of the request, whatever the client forwards', () => {
    expect(addressOf('mcp.example.com', '203.0.113.7', '198.51.100.1, 198.51.100.2, 203.0.113.7')).toBe('203.0.113.7');
  });

  test('behind CloudFront is the entry that CloudFront has appended, whatever the client forwards', () => {
    expect(addressOf(defaultHost, '192.0.2.1', '203.0.113.7, 192.0.2.1')).toBe('203.0.113.7');
    expect(addressOf(defaultHost, '192.0.2.1', '198.51.100.1, 203.0.113.7, 192.0.2.1')).toBe('203.0.113.7');
    expect(addressOf(defaultHost, '192.0.2.1', '198.51.100.1', '2001:db8::7', '192.0.2.1')).toBe('2001:db8::7');
  });

  test('is absent when the API is reached in another way than through CloudFront', () => {
    expect(addressOf(defaultHost, '203.0.113.7', '203.0.113.7')).toBeUndefined();
  });

  test('is an address and no other text', () => {
    expect(addressOf('mcp.example.com', '{"event":"x"}')).toBeUndefined();
    expect(addressOf(defaultHost, '192.0.2.1', `${'1'.repeat(46)}, 192.0.2.1`)).toBeUndefined();
  });
});
