import { inputRequired, McpServer } from '@modelcontextprotocol/server';
import { acceptedForms } from '../../../lambda/core/mcp/accepted-forms.ts';
import type { ToolContext } from '../../../lambda/core/mcp/tool-context.ts';
import { eventsOf, type Message, messagesOf, RawSession } from '../../support/era-clients.ts';
import { Processes } from '../../support/mcp-processes.ts';

/** The `Accept` header (RFC 9110 §12.5.1) in both eras. */

const text = (value: string) => ({ content: [{ type: 'text' as const, text: value }] });
const requestedSchema = { type: 'object' as const, properties: { name: { type: 'string' as const } } };

function createServer(context: ToolContext): McpServer {
  const server = new McpServer({ name: 'forms', version: '1' }, { capabilities: { logging: {} } });
  server.registerTool('quick', {}, async () => text('quick'));
  server.registerTool('log', {}, async ({ mcpReq }) => {
    await mcpReq.log('info', 'logged');
    return text('logging');
  });
  server.registerTool('elicit', {}, async () =>
    inputRequired({ inputRequests: { who: inputRequired.elicit({ message: 'Who?', requestedSchema }) } }),
  );
  server.registerTool(
    'long',
    {},
    context.longRunning(async () => text('long')),
  );
  return server;
}

const both = { json: true, stream: true };
const json = { json: true, stream: false };
const stream = { json: false, stream: true };
const neither = { json: false, stream: false };

test.each([
  [undefined, both],
  ['', both],
  [' , ', both],
  ['*/*', both],
  ['*', both],
  ['application/json, text/event-stream', both],
  ['text/event-stream,application/json', both],
  ['Application/JSON, TEXT/Event-Stream', both],
  ['application/json;q=0.9, text/event-stream;q=0.1', both],
  ['application/json; charset=utf-8 , text/event-stream ; q=1', both],
  ['application/*, text/*', both],
  ['text/html, image/gif, *; q=.2, */*; q=.2', both],
  ['text/html;level="1, 2", */*;q=0.1', both],
  ['application/json', json],
  ['application/*', json],
  ['*/*, text/event-stream;q=0', json],
  ['application/json, text/*;Q=0.000', json],
  ['application/json, text/*;q=0.5, text/event-stream;q=0', json],
  ['text/event-stream', stream],
  ['text/*', stream],
  ['*/*;q=0, text/event-stream', stream],
  ['*/*, application/json; q=0', stream],
  ['*/*;q=0, text/*;q=0, text/event-stream;q=0.001', stream],
  ['text/html', neither],
  ['application/json;q=0', neither],
  ['*/*;q=0', neither],
  ['text/plain;a="x, application/json, text/event-stream"', neither],
  ['application/jsonp, text/event-stream-x', neither],
])('the Accept header %j accepts %j', (accept, expected) => {
  expect(acceptedForms(new Headers(accept === undefined ? {} : { accept }))).toEqual(expected);
});

async function setUp() {
  const processes = new Processes({ createServer });
  const ada = await processes.callerOf('ada');
  const session = await RawSession.begin(processes.endpointOf(ada));
  const fetch = processes.fetchAs(ada);
  const post = (accept: string | undefined, body: object, more: Record<string, string>) =>
    fetch(processes.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(accept !== undefined && { accept }), ...more },
      body: JSON.stringify(body),
    });
  const named = { 'mcp-session-id': session.id, 'mcp-protocol-version': '2025-11-25' };
  const legacy = (accept: string | undefined, name: string) => post(accept, session.toolCall(name), named);
  const modern = (accept: string | undefined, name: string, method = 'tools/call') => {
    const _meta = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientCapabilities': { elicitation: { form: {} } },
      'io.modelcontextprotocol/logLevel': 'info',
    };
    const params = method === 'tools/call' ? { name, arguments: {}, _meta } : { notifications: {}, _meta };
    const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': method, 'mcp-name': name };
    return post(accept, { jsonrpc: '2.0', id: 1, method, params }, headers);
  };
  return { processes, ada, session, fetch, post, named, legacy, modern };
}

const typeOf = (response: Response) => response.headers.get('content-type');
const textsOf = async (response: Response) =>
  (await messagesOf(response)).flatMap(({ result }: Message) => result?.content?.[0]?.text ?? []);

describe.each(['legacy', 'modern'] as const)('a %s client', (era) => {
  test.each([undefined, '*/*', 'Application/JSON;q=0.9, text/event-stream;q=0.1'])(
    'that accepts %j receives JSON, and a stream where a message precedes the response',
    async (accept) => {
      const { processes, [era]: call } = await setUp();
      const quick = await call(accept, 'quick');
      expect([quick.status, typeOf(quick)]).toEqual([200, 'application/json']);
      expect(await textsOf(quick)).toEqual(['quick']);
      const logged = await call(accept, 'log');
      expect(typeOf(logged)).toBe('text/event-stream');
      expect(await textsOf(logged)).toEqual(['logging']);
      await processes.settle();
    },
  );

  test('that accepts JSON alone receives the response as JSON, without the messages before it', async () => {
    const { processes, [era]: call } = await setUp();
    for (const [name, expected] of [
      ['quick', 'quick'],
      ['log', 'logging'],
    ] as const) {
      const response = await call('application/json', name);
      expect(typeOf(response)).toBe('application/json');
      expect(await textsOf(response)).toEqual([expected]);
    }
    await processes.settle();
  });

  test('that accepts streams alone receives the response as an event', async () => {
    const { processes, [era]: call } = await setUp();
    const response = await call('text/event-stream', 'quick');
    expect([response.status, typeOf(response)]).toEqual([200, 'text/event-stream']);
    expect(await eventsOf(response)).toMatchObject([{ message: { result: { content: [{ text: 'quick' }] } } }]);
    await processes.settle();
  });

  test('that accepts neither is rejected with 406 and its request id', async () => {
    const { processes, [era]: call } = await setUp();
    const response = await call('text/html, application/json;q=0', 'quick');
    expect(response.status).toBe(406);
    expect(await response.json()).toMatchObject({ id: 1, error: { code: -32000 } });
    await processes.settle();
  });

  test('that accepts JSON alone receives the result of a long-running tool as JSON', async () => {
    const { processes, [era]: call } = await setUp();
    const response = await processes.clock.until(call('application/json', 'long'));
    expect(typeOf(response)).toBe('application/json');
    expect(await textsOf(response)).toEqual(['long']);
    await processes.settle();
  });
});

describe('a client of the 2025 era', () => {
  test('that accepts JSON alone receives an error from a tool that requests input', async () => {
    const { processes, legacy } = await setUp();
    const [answer] = await messagesOf(await processes.clock.until(legacy('application/json', 'elicit')));
    expect(answer!.result).toMatchObject({ isError: true });
    expect(answer!.result!.content![0]!.text).toBe(
      'This tool needs input from the user, and this client cannot request it.',
    );
    await processes.settle();
  });

  test('sends notifications whatever it accepts', async () => {
    const { processes, post, named } = await setUp();
    const notification = { jsonrpc: '2.0', method: 'notifications/initialized' };
    expect((await post('text/html', notification, named)).status).toBe(202);
    await processes.settle();
  });

  test.each([
    [undefined, 400],
    ['*/*', 400],
    ['TEXT/Event-Stream;q=0.5', 400],
    ['application/json', 406],
    ['*/*, text/event-stream;q=0', 406],
  ])('that accepts %j is answered on GET with %i for an unknown event id', async (accept, status) => {
    const { processes, fetch, named } = await setUp();
    const headers = { ...named, 'last-event-id': 'unknown', ...(accept !== undefined && { accept }) };
    expect((await fetch(processes.url, { headers })).status).toBe(status);
  });
});

describe('a client of 2026-07-28', () => {
  test('that accepts JSON alone receives input requests as JSON', async () => {
    const { processes, modern } = await setUp();
    const response = await modern('application/json', 'elicit');
    expect(typeOf(response)).toBe('application/json');
    expect(await messagesOf(response)).toMatchObject([{ result: { resultType: 'input_required' } }]);
    await processes.settle();
  });

  test('that accepts JSON alone cannot listen', async () => {
    const { modern } = await setUp();
    expect((await modern('application/json', '', 'subscriptions/listen')).status).toBe(406);
    expect(typeOf(await modern(undefined, '', 'subscriptions/listen'))).toBe('text/event-stream');
  });
});
