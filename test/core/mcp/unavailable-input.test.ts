import { inputRequired, McpServer } from '@modelcontextprotocol/server';
import { type Message, messagesOf, RawSession } from '../../support/era-clients.ts';
import { Processes } from '../../support/mcp-processes.ts';

/** Input requests to a client that did not declare them, as the model reads their failure. */

const form = { message: 'Sure?', requestedSchema: { type: 'object' as const, properties: {} } };
const completion = { messages: [], maxTokens: 5 };
const text = (value: string) => ({ content: [{ type: 'text' as const, text: value }] });

function createServer(): McpServer {
  const server = new McpServer({ name: 'asking', version: '1' }, { capabilities: {} });
  const { elicit, createMessage, listRoots } = inputRequired;
  server.registerTool('form', {}, async () => inputRequired({ inputRequests: { "it's (a)": elicit(form) } }));
  server.registerTool('completion', {}, async () =>
    inputRequired({ inputRequests: { completion: createMessage(completion) } }),
  );
  server.registerTool('folders', {}, async () => inputRequired({ inputRequests: { folders: listRoots() } }));
  server.registerTool('push-form', {}, async ({ mcpReq }) => text(JSON.stringify(await mcpReq.elicitInput(form))));
  server.registerTool('failing', {}, async () => {
    throw new Error('The disk is full');
  });
  return server;
}

async function setUp() {
  const processes = new Processes({ createServer });
  const ada = await processes.callerOf('ada');
  const session = await RawSession.begin(processes.endpointOf(ada), { capabilities: {} });
  const fetch = processes.fetchAs(ada);
  const modern = (name: string) =>
    fetch(processes.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': 'tools/call',
        'mcp-name': name,
      },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 1,
        method: 'tools/call',
        params: {
          name,
          _meta: {
            'io.modelcontextprotocol/protocolVersion': '2026-07-28',
            'io.modelcontextprotocol/clientCapabilities': {},
          },
        },
      }),
    });
  return { processes, session, modern };
}

const requests: [tool: string, missing: string, sentence: string][] = [
  ['form', 'elicitation', 'This tool needs input from the user, and this client cannot request it.'],
  ['completion', 'sampling', 'This tool needs a completion by a model, and this client does not offer one.'],
  ['folders', 'roots', 'This tool needs the folders of the user, and this client does not list them.'],
];

test.each(requests)('the tool %s fails in the 2025 era with a sentence about the missing %s', async (tool, _, text) => {
  const { processes, session } = await setUp();
  const [answer] = await messagesOf(await session.post(session.toolCall(tool)));
  expect(answer!.result).toMatchObject({ isError: true, content: [{ type: 'text', text }] });
  expect(text.length).toBeLessThanOrEqual(100);
  await processes.settle();
});

test.each(requests)(
  'the tool %s is answered in 2026-07-28 with -32021 and a sentence about the missing %s',
  async (tool, missing, message) => {
    const { processes, modern } = await setUp();
    const { error } = (await (await modern(tool)).json()) as Message;
    expect(error).toMatchObject({ code: -32021, message, data: { requiredCapabilities: { [missing]: {} } } });
    await processes.settle();
  },
);

test('a tool that elicits from inside its callback fails with the same sentence', async () => {
  const { processes, session } = await setUp();
  const [answer] = await messagesOf(await session.post(session.toolCall('push-form')));
  expect(answer!.result).toMatchObject({ isError: true, content: [{ text: requests[0]![2] }] });
  await processes.settle();
});

test('a tool that fails for another reason keeps its message', async () => {
  const { processes, session } = await setUp();
  const [answer] = await messagesOf(await session.post(session.toolCall('failing')));
  expect(answer!.result).toMatchObject({ isError: true, content: [{ text: 'The disk is full' }] });
  await processes.settle();
});
