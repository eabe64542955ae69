import { writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { callTool, initialize, messageOf, postMcp } from '../../bench/harness/raw-oauth-client.ts';
import type { KeyValue, OtlpSpan } from '../../lambda/core/telemetry/otlp-messages.ts';
import { becomes } from '../support/becomes.ts';
import { TestCloud } from '../support/test-cloud.ts';

/** The export of telemetry to an OTLP endpoint, which this file is. */

jest.setTimeout(120_000);

const PLACEHOLDER = 'http://127.0.0.1:1';
const headersArn = 'arn:aws:secretsmanager:us-east-1:000000000000:secret:otlp-AbCdEf';

const traces = { legacy: '0af7651916cd43dd8448eb211c80319c', modern: '1bf7651916cd43dd8448eb211c80319c' };
const SPAN = 'b7ad6b7169203331';
const traceparent = (trace: string) => `00-${trace}-${SPAN}-01`;

type Received = { path: string; headers: IncomingHttpHeaders; message: unknown };

let endpoint: Server;
let cloud: TestCloud;
let token: string;
const received: Received[] = [];
let status = 200;

beforeAll(async () => {
  endpoint = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      if (status === 200) received.push({ path: request.url!, headers: request.headers, message: JSON.parse(body) });
      response.writeHead(status).end('{}');
    });
  });
  await new Promise<void>((resolve) => void endpoint.listen(0, '127.0.0.1', resolve));
  const { port } = endpoint.address() as AddressInfo;
  const context = `"telemetryEndpoint": "${PLACEHOLDER}", "telemetryHeadersArn": "${headersArn}",`;
  cloud = await TestCloud.start({
    edits: [['cdk.json', '"context": {', `"context": { ${context}`]],
    change: (resources) => {
      for (const { Type, Properties } of Object.values(resources)) {
        const variables = Type === 'AWS::Lambda::Function' ? (Properties.Environment?.Variables ?? {}) : {};
        if ('TELEMETRY_ENDPOINT' in variables) variables.TELEMETRY_ENDPOINT = `http://127.0.0.1:${port}`;
      }
    },
  });
  // Of the endpoint and of its secret.
  cloud.expectFailures('telemetry_export_failed');
  token = (await cloud.signedIn()).tokens.access_token;
});
afterAll(async () => {
  await cloud?.stop();
  endpoint.closeAllConnections();
  endpoint.close();
});

const plain = (attributes: KeyValue[]) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
const ofPath = (path: string) => received.filter((each) => each.path === path).map(({ message }) => Object(message));
const spans = (): OtlpSpan[] => ofPath('/v1/traces').flatMap((each) => each.resourceSpans[0].scopeSpans[0].spans);

/** Invokes the scheduled functions. Their lines arrive after their answers. */
async function runsAndLogs(line: RegExp): Promise<void> {
  await cloud.runSchedules();
  // The function is cold after a restart, and takes longer than `becomes` waits where other tests use the processor.
  for (let tries = 0; tries < 6 && !line.test(cloud.log); tries++) {
    await becomes(() => line.test(cloud.log)).catch(() => undefined);
  }
  expect(cloud.log).toMatch(line);
}

async function callAsBothEras(): Promise<void> {
  const begun = await postMcp(cloud.origin, token, initialize);
  const session = { 'mcp-session-id': begun.headers.get('mcp-session-id')! };
  await begun.text();
  const headers = { ...session, traceparent: traceparent(traces.legacy) };
  await messageOf(await postMcp(cloud.origin, token, callTool('whoami'), headers));
  const failing = { ...callTool('note', { name: 'none-of-this-name' }), id: 'request-7' };
  await messageOf(await postMcp(cloud.origin, token, failing, session));
  const { jsonrpc, id, method, params } = callTool('whoami');
  const _meta = {
    traceparent: traceparent(traces.modern),
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': { name: 'by-hand', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': {},
  };
  const modern = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': method, 'mcp-name': 'whoami' };
  await messageOf(await postMcp(cloud.origin, token, { jsonrpc, id, method, params: { ...params, _meta } }, modern));
}

test('calls are exported once, as children of the spans of their clients, in spite of an outage of the endpoint', async () => {
  await callAsBothEras();
  await cloud.restartAhead(6 * 60_000);

  // Without the line of `.env`, the secret has no value.
  await runsAndLogs(/TelemetryFunction\w+: \{"event":"telemetry_export_failed",.*find the specified secret/);

  writeFileSync(join(cloud.folder, '.env'), 'TELEMETRY_HEADERS=x-key=hunter2,Authorization=Basic%20MTIz\n');
  await becomes(() => cloud.log.includes('.env is read again'));
  status = 503;
  await runsAndLogs(/"event":"telemetry_export_failed",.*responded with 503.*"telemetry_export_failed":1/);
  // The aggregation does not wait for the endpoint.
  expect((await cloud.item('A#progress')).countedUntil).toBeGreaterThan(Date.now());

  status = 200;
  await cloud.runSchedules();
  await cloud.runSchedules();
  const byTrace = Object.groupBy(spans(), ({ traceId }) => traceId);
  const [legacy, modern] = [byTrace[traces.legacy]!, byTrace[traces.modern]!];
  for (const spansOfTrace of [legacy, modern]) {
    expect(spansOfTrace).toMatchObject([{ parentSpanId: SPAN, name: 'tools/call whoami', kind: 2, status: {} }]);
  }
  const [failed, ...others] = spans().filter(({ traceId }) => !Object.values(traces).includes(traceId));
  expect(others).toEqual([]);
  expect(failed).toMatchObject({ name: 'tools/call note', status: { code: 2 } });
  expect(plain(failed!.attributes)).toMatchObject({
    'mcp.method.name': 'tools/call',
    'gen_ai.tool.name': 'note',
    'error.type': 'tool_error',
    'jsonrpc.request.id': 'request-7',
    'mcp.protocol.version': '2025-11-25',
    'holdfast.client.version': '1',
  });
  expect(plain(modern[0]!.attributes)).toMatchObject({ 'mcp.protocol.version': '2026-07-28' });

  const points = ofPath('/v1/metrics').flatMap(
    (each) => each.resourceMetrics[0].scopeMetrics[0].metrics[0].histogram.dataPoints,
  );
  expect(points.reduce((sum, { count }) => sum + Number(count), 0)).toBe(3);
  for (const { headers } of received)
    expect(headers).toMatchObject({ 'x-key': 'hunter2', authorization: 'Basic MTIz' });
  const { user } = (await cloud.items('G#')).at(-1)!;
  expect(JSON.stringify(received.map(({ message }) => message))).not.toMatch(
    new RegExp(`${user}|none-of-this-name|${token}`),
  );
  expect(cloud.log).not.toContain('hunter2');
});
