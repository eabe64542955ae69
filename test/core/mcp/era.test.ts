import { isJSONRPCRequest, isLegacyRequest } from '@modelcontextprotocol/server';
import fc from 'fast-check';
import { isLegacy, isRequest } from '../../../lambda/core/mcp/era.ts';
import { McpRequest, ToolRequest, toPlatformRequest } from '../../../lambda/core/mcp/mcp-http.ts';

/** `era.ts` beside the SDK's own checks, for valid and invalid messages of every form. */

const VERSION = 'io.modelcontextprotocol/protocolVersion';
const envelope = {
  [VERSION]: '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
};
const version = fc.constantFrom(
  '2026-07-28',
  '2025-11-25',
  '2024-11-05',
  '2027-01-01',
  'x',
  '',
  ' 2026-07-28 ',
  '2025',
);
const meta = fc.oneof(
  fc.constant(envelope),
  fc.record({ [VERSION]: fc.oneof(version, fc.constant(7)) }),
  fc.record({
    ...Object.fromEntries(Object.entries(envelope).map(([key, each]) => [key, fc.constant(each)])),
    [VERSION]: version,
  }),
  fc.constantFrom({}, { progressToken: 1 }, null, 'x', [VERSION]),
);
const params = fc.oneof(
  fc.record({ _meta: meta }),
  fc.record({ name: fc.constant('echo'), arguments: fc.constant({ a: 1 }) }),
  fc.record({
    protocolVersion: version,
    capabilities: fc.constant({}),
    clientInfo: fc.constant({ name: 'a', version: '1' }),
  }),
  fc.record({ protocolVersion: version, _meta: meta }),
  fc.constantFrom({}, {}, { cursor: 'x' }, null, 'x', 7, [1]),
);
const method = fc.constantFrom(
  'tools/call',
  'tools/list',
  'initialize',
  'notifications/initialized',
  'server/discover',
  '',
);
const jsonrpc = fc.constantFrom('2.0', '2.0', '2.0', '2.0', '1.0');
const id = fc.oneof(fc.nat(), fc.integer(), fc.string(), fc.constantFrom(null, 1.5, {}));
const message = fc.oneof(
  fc.record({ jsonrpc, id, method, params }, { requiredKeys: ['jsonrpc', 'id', 'method'] }),
  fc.record({ jsonrpc, method, params }, { requiredKeys: ['jsonrpc', 'method'] }),
  fc.record({ jsonrpc, id, result: fc.constantFrom({}, { a: 1 }, null) }),
  fc.record({ jsonrpc, id, error: fc.constantFrom({ code: 1, message: 'x' }, {}) }),
  fc.record({ jsonrpc, id, method, params, more: fc.constant(1) }),
  fc.record({ method: fc.constantFrom(7, null), params }),
);
const body = fc.oneof(
  { weight: 5, arbitrary: message },
  { weight: 1, arbitrary: fc.array(message, { minLength: 1, maxLength: 3 }) },
);
const headers = fc.record({ 'MCP-Protocol-Version': version, 'Mcp-Method': method }, { requiredKeys: [] });

test('isLegacy agrees with isLegacyRequest of the SDK for any message', async () => {
  const counts = { legacy: 0, modern: 0 };
  await fc.assert(
    fc.asyncProperty(body, headers, async (given, fields) => {
      const request = new McpRequest('https://mcp.example/mcp', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', ...fields },
      });
      const expected = await isLegacyRequest(toPlatformRequest(new ToolRequest(request.url, request)), given);
      counts[expected ? 'legacy' : 'modern']++;
      expect(await isLegacy(request, given)).toBe(expected);
    }),
    { numRuns: 3_000 },
  );
  expect(counts.legacy).toBeGreaterThan(300);
  expect(counts.modern).toBeGreaterThan(300);
});

test('isRequest agrees with isJSONRPCRequest of the SDK for any value, also on a repeated check', () => {
  const counts = { yes: 0, no: 0 };
  fc.assert(
    fc.property(fc.oneof({ weight: 20, arbitrary: message }, { weight: 1, arbitrary: fc.anything() }), (given) => {
      const expected = isJSONRPCRequest(given);
      counts[expected ? 'yes' : 'no']++;
      expect(isRequest(given)).toBe(expected);
      expect(isRequest(given)).toBe(expected);
    }),
    { numRuns: 3_000 },
  );
  expect(counts.yes).toBeGreaterThan(100);
  expect(counts.no).toBeGreaterThan(300);
});
