import type { LambdaRuntime } from '../../lambda/adapters/api-gateway.ts';

/** The lower limit of the protocol: JSON-RPC without an SDK, session, token or validation. */

declare const awslambda: LambdaRuntime;

const results: Record<string, (params: { name?: string }) => unknown> = {
  initialize: () => ({
    protocolVersion: '2025-11-25',
    capabilities: { tools: {} },
    serverInfo: { name: 'raw', version: '1.0.0' },
  }),
  'tools/list': () => ({ tools: [{ name: 'tool_0', inputSchema: { type: 'object' } }] }),
  'tools/call': ({ name }) => ({ content: [{ type: 'text', text: `called ${name}` }] }),
};

export const handler = awslambda.streamifyResponse(async (event, stream) => {
  const { id, method, params } = JSON.parse(event.body ?? 'null');
  const headers = { 'Content-Type': 'application/json' };
  const out = awslambda.HttpResponseStream.from(stream, { statusCode: 200, headers });
  out.write(JSON.stringify({ jsonrpc: '2.0', id, result: results[method]?.(params) }));
  await new Promise<void>((resolve) => out.end(resolve));
});
