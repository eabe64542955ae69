import { setTimeout as sleep } from 'node:timers/promises';
import { completable } from '@modelcontextprotocol/sdk/server/completable.js';
import { McpServer, ResourceTemplate } from '@modelcontextprotocol/sdk/server/mcp.js';
import {
  ErrorCode,
  McpError,
  SubscribeRequestSchema,
  UnsubscribeRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';
import * as z from 'zod/v4';
import type { ToolContext } from '../../lambda/core/mcp/tool-context.ts';
import { png, text, userMessage, wav } from './conformance-content.ts';

/**
 * The server of the conformance suites as a server of SDK v1. Its tools ask while they run, as SDK v1 has it, where those of
 * `conformance-server.ts` return input requests.
 */
export function createServer(context: ToolContext): McpServer {
  const server = new McpServer(
    { name: 'conformance-v1', version: '1.0.0' },
    {
      capabilities: {
        tools: { listChanged: false },
        prompts: { listChanged: false },
        resources: { listChanged: false, subscribe: true },
        logging: {},
      },
    },
  );
  registerContentTools(server);
  registerLegacyElicitations(server);
  registerInputRequests(server);
  registerLongTools(server, context);
  registerPrompts(server);
  registerResources(server);
  return server;
}

function registerContentTools(server: McpServer): void {
  server.registerTool('test_simple_text', { description: 'Returns a string' }, async () =>
    text('This is a simple text response for testing.'),
  );
  server.registerTool('test_image_content', { description: 'Answers with an image' }, async () => ({
    content: [{ type: 'image', data: png, mimeType: 'image/png' }],
  }));
  server.registerTool('test_audio_content', { description: 'Answers with a sound' }, async () => ({
    content: [{ type: 'audio', data: wav, mimeType: 'audio/wav' }],
  }));
  server.registerTool('test_embedded_resource', { description: 'Answers with a resource' }, async () => ({
    content: [
      {
        type: 'resource',
        resource: {
          uri: 'test://embedded-resource',
          mimeType: 'text/plain',
          text: 'This is an embedded resource content.',
        },
      },
    ],
  }));
  server.registerTool('test_multiple_content_types', { description: 'Returns three kinds' }, async () => ({
    content: [
      { type: 'text', text: 'Multiple content types test:' },
      { type: 'image', data: png, mimeType: 'image/png' },
      {
        type: 'resource',
        resource: {
          uri: 'test://mixed-content-resource',
          mimeType: 'application/json',
          text: '{"test":"data","value":123}',
        },
      },
    ],
  }));
  server.registerTool('test_error_handling', { description: 'Fails' }, async () => {
    throw new Error('This tool intentionally returns an error for testing');
  });
  server.registerTool('test_tool_with_logging', { description: 'Logs three times' }, async ({ sessionId }) => {
    for (const data of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) {
      await server.sendLoggingMessage({ level: 'info', data }, sessionId);
      await sleep(50);
    }
    return text('Logged three times');
  });
  server.registerTool('test_logging_tool', { description: 'Logs once' }, async ({ sessionId }) => {
    await server.sendLoggingMessage({ level: 'info', data: 'Tool execution started' }, sessionId);
    return text('Logged once, if that was asked for');
  });
  server.registerTool('test_tool_with_progress', { description: 'Reports its progress' }, async (extra) => {
    const progressToken = extra._meta?.progressToken;
    for (const progress of progressToken === undefined ? [] : [0, 50, 100]) {
      if (progress > 0) await sleep(50);
      const params = { progressToken: progressToken!, progress, total: 100 };
      await extra.sendNotification({ method: 'notifications/progress', params });
    }
    return text('Progressed from 0 to 100');
  });
  server.registerTool('test_reconnection', { description: 'Closes its stream first' }, async ({ closeSSEStream }) => {
    await sleep(100);
    closeSSEStream?.();
    return text('Sent after the stream had been closed');
  });
  server.registerTool('test_streaming_elicitation', { description: 'Asks nothing' }, async () =>
    text('Nothing had to be asked'),
  );
  server.registerTool('greet', { description: 'Greets', inputSchema: { name: z.string() } }, async ({ name }) =>
    text(`Hello, ${name}!`),
  );
  server.registerTool(
    'test_x_mcp_header',
    {
      description: 'Has an argument that is repeated in a header',
      inputSchema: { region: z.string().meta({ 'x-mcp-header': 'Region' }) },
    },
    async ({ region }) => text(`Region: ${region}`),
  );
}

type Form = { type: 'object'; properties: Record<string, object>; required?: string[] };

/** Asks for a form and returns the answer. */
async function elicited({ server }: McpServer, title: string, message: string, requestedSchema: Form) {
  const { action, content = {} } = await server.elicitInput({ message, requestedSchema: requestedSchema as never });
  return text(`${title}: action=${action}, content=${JSON.stringify(content)}`);
}

function registerLegacyElicitations(server: McpServer): void {
  server.registerTool(
    'test_sampling',
    { description: 'Asks the client’s model', inputSchema: { prompt: z.string() } },
    async ({ prompt }) => {
      const { content } = await server.server.createMessage({ messages: [userMessage(prompt)], maxTokens: 100 });
      return text(`LLM response: ${JSON.stringify(content)}`);
    },
  );
  server.registerTool(
    'test_elicitation',
    { description: 'Asks the user for a name and an address', inputSchema: { message: z.string() } },
    async ({ message }) =>
      elicited(server, 'User response', message, {
        type: 'object',
        properties: {
          username: { type: 'string', description: "User's response" },
          email: { type: 'string', description: "User's email address" },
        },
        required: ['username', 'email'],
      }),
  );
  server.registerTool(
    'test_elicitation_sep1034_defaults',
    { description: 'Asks with a default of each type' },
    async () =>
      elicited(server, 'Elicitation completed', 'Please review these defaults', {
        type: 'object',
        properties: {
          name: { type: 'string', default: 'John Doe' },
          age: { type: 'integer', default: 30 },
          score: { type: 'number', default: 95.5 },
          status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
          verified: { type: 'boolean', default: true },
        },
      }),
  );
  const choices = ['option1', 'option2', 'option3'];
  const titled = [
    { const: 'value1', title: 'First' },
    { const: 'value2', title: 'Second' },
    { const: 'value3', title: 'Third' },
  ];
  server.registerTool('test_elicitation_sep1330_enums', { description: 'Asks with each kind of choice' }, async () =>
    elicited(server, 'Elicitation completed', 'Please choose', {
      type: 'object',
      properties: {
        untitledSingle: { type: 'string', enum: choices },
        titledSingle: { type: 'string', oneOf: titled },
        legacyEnum: {
          type: 'string',
          enum: ['opt1', 'opt2', 'opt3'],
          enumNames: ['Option One', 'Option Two', 'Option Three'],
        },
        untitledMulti: { type: 'array', items: { type: 'string', enum: choices } },
        titledMulti: { type: 'array', items: { anyOf: titled } },
      },
    }),
  );
}

/** Tools of the scenarios `input-required-result-*`. */
function registerInputRequests(server: McpServer): void {
  const inner = server.server;
  const form = (name: string, type = 'string') =>
    ({ type: 'object', properties: { [name]: { type } }, required: [name] }) as never;
  const ask = async (message: string, name = 'name', type = 'string') =>
    (await inner.elicitInput({ message, requestedSchema: form(name, type) })).content?.[name];
  const sample = async (prompt: string) =>
    (await inner.createMessage({ messages: [userMessage(prompt)], maxTokens: 50 })).content;

  const tool = (name: string, work: () => Promise<string>) =>
    server.registerTool(name, { description: 'Asks the client' }, async () => text(await work()));

  tool('test_input_required_result_elicitation', async () => `Hello, ${await ask('What is your name?')}!`);
  tool('test_input_required_result_sampling', async () =>
    JSON.stringify(await sample('What is the capital of France?')),
  );
  tool('test_input_required_result_list_roots', async () => {
    const { roots } = await inner.listRoots();
    return roots.map(({ uri }) => uri).join(', ');
  });
  for (const name of ['request_state', 'tampered_state']) {
    tool(`test_input_required_result_${name}`, async () => {
      await ask('Please confirm', 'ok', 'boolean');
      return 'state-ok';
    });
  }
  tool('test_input_required_result_multiple_inputs', async () => {
    const asked = [ask('What is your name?'), sample('Generate a greeting'), inner.listRoots()] as const;
    const [name, greeting, { roots }] = await Promise.all(asked);
    return `${name}: ${JSON.stringify(greeting)}, ${roots.length} roots`;
  });
  tool('test_input_required_result_multi_round', async () => {
    const name = await ask('Step 1: What is your name?');
    return `${name} likes ${await ask('Step 2: What is your favorite color?', 'color')}`;
  });
  tool('test_input_required_result_capabilities', async () => {
    const { elicitation, sampling } = inner.getClientCapabilities() ?? {};
    await Promise.all([elicitation && ask('What is your name?'), sampling && sample('Generate a greeting')]);
    return elicitation || sampling ? 'Answered' : 'The client has no capability for input requests';
  });
  tool('test_missing_capability', async () => {
    await sample('Are you there?');
    return 'The client does sampling';
  });
}

/** Tools of the scenarios `tasks-*`. */
function registerLongTools(server: McpServer, { longRunning }: ToolContext): void {
  const ask = async (name: string, type: string) => {
    const requestedSchema = { type: 'object', properties: { [name]: { type } }, required: [name] } as never;
    return (await server.server.elicitInput({ message: `Which ${name}?`, requestedSchema })).content?.[name];
  };
  server.registerTool(
    'slow_compute',
    { description: 'Takes its time', inputSchema: { seconds: z.number(), label: z.string().optional() } },
    longRunning(async ({ seconds, label }, { signal }) => {
      await sleep(seconds * 1000, undefined, { signal });
      return text(`Computed ${label ?? 'something'} for ${seconds} s`);
    }),
  );
  server.registerTool(
    'failing_job',
    { description: 'Fails after a second', inputSchema: {} },
    longRunning(
      async () => {
        await sleep(1000);
        throw new Error('This job always fails');
      },
      { required: true },
    ),
  );
  server.registerTool(
    'protocol_error_job',
    { description: 'Ends with an error of the protocol', inputSchema: {} },
    longRunning(async () => {
      throw new McpError(ErrorCode.InternalError, 'This job always fails with a protocol error');
    }),
  );
  server.registerTool(
    'confirm_delete',
    { description: 'Asks before it goes on', inputSchema: { filename: z.string() } },
    longRunning(async ({ filename }) =>
      text((await ask('confirm', 'boolean')) ? `Deleted ${filename}` : `Kept ${filename}`),
    ),
  );
  server.registerTool(
    'multi_input',
    { description: 'Asks two things at once', inputSchema: {} },
    longRunning(async () => {
      const [name, isConfirmed] = await Promise.all([ask('name', 'string'), ask('confirm', 'boolean')]);
      return text(`${name} said ${isConfirmed ? 'yes' : 'no'}`);
    }),
  );
  server.registerTool(
    'test_tool_with_task',
    { description: 'Asks for a name and then takes its time' },
    async (extra) => {
      const name = await ask('name', 'string');
      const work = async (_: typeof extra) => {
        await sleep(500);
        return text(`Done for ${name}`);
      };
      return longRunning(work, { required: true })(extra);
    },
  );
}

function registerPrompts(server: McpServer): void {
  server.registerPrompt('test_simple_prompt', { description: 'One message' }, async () => ({
    messages: [userMessage('This is a simple prompt for testing.')],
  }));
  server.registerPrompt(
    'test_prompt_with_arguments',
    {
      description: 'One message with both arguments in it',
      argsSchema: {
        arg1: completable(z.string(), (value) =>
          ['testing', 'testament', 'hello'].filter((each) => each.startsWith(value)),
        ),
        arg2: z.string(),
      },
    },
    async ({ arg1, arg2 }) => ({
      messages: [userMessage(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)],
    }),
  );
  server.registerPrompt(
    'test_prompt_with_embedded_resource',
    { description: 'A resource and a message', argsSchema: { resourceUri: z.string() } },
    async ({ resourceUri }) => ({
      messages: [
        {
          role: 'user',
          content: {
            type: 'resource',
            resource: { uri: resourceUri, mimeType: 'text/plain', text: 'Embedded resource content for testing.' },
          },
        },
        userMessage('Please process the embedded resource above.'),
      ],
    }),
  );
  server.registerPrompt('test_prompt_with_image', { description: 'An image and a message' }, async () => ({
    messages: [
      { role: 'user', content: { type: 'image', data: png, mimeType: 'image/png' } },
      userMessage('Please analyze the image above.'),
    ],
  }));
  server.registerPrompt('test_input_required_result_prompt', { description: 'Asks for a context first' }, async () => {
    const { content } = await server.server.elicitInput({
      message: 'What context should the prompt use?',
      requestedSchema: { type: 'object', properties: { context: { type: 'string' } }, required: ['context'] },
    });
    return { messages: [userMessage(`With this context: ${content?.context}`)] };
  });
}

function registerResources(server: McpServer): void {
  server.registerResource(
    'static-text',
    'test://static-text',
    { description: 'A string', mimeType: 'text/plain' },
    async ({ href }) => ({
      contents: [{ uri: href, mimeType: 'text/plain', text: 'This is the content of the static text resource.' }],
    }),
  );
  server.registerResource(
    'static-binary',
    'test://static-binary',
    { description: 'An image', mimeType: 'image/png' },
    async ({ href }) => ({ contents: [{ uri: href, mimeType: 'image/png', blob: png }] }),
  );
  server.registerResource(
    'watched',
    'test://watched-resource',
    { description: 'Can be subscribed to', mimeType: 'text/plain' },
    async ({ href }) => ({
      contents: [{ uri: href, mimeType: 'text/plain', text: 'This resource never changes.' }],
    }),
  );
  server.registerResource(
    'template',
    new ResourceTemplate('test://template/{id}/data', { list: undefined }),
    { description: 'Anything of that form', mimeType: 'application/json' },
    async ({ href }, { id }) => ({
      contents: [
        {
          uri: href,
          mimeType: 'application/json',
          text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }),
        },
      ],
    }),
  );
  server.server.setRequestHandler(SubscribeRequestSchema, async () => ({}));
  server.server.setRequestHandler(UnsubscribeRequestSchema, async () => ({}));
}
