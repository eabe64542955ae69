import {
  acceptedContent,
  completable,
  fromJsonSchema,
  inputRequired,
  inputResponse,
  McpServer,
  ResourceTemplate,
  type ServerContext,
} from '@modelcontextprotocol/server';
import * as z from 'zod/v4';
import type { ToolContext } from '../../lambda/core/mcp/tool-context.ts';
import { png, text, userMessage, wav } from './conformance-content.ts';
import { registerLongTools } from './conformance-long-tools.ts';

/**
 * The server that the conformance suites of the protocol require, for both eras. The suites define its names, strings and
 * schemas. `conformance-test.ts` runs it in place of the owner's server.
 *
 * Its lists do not change while it runs: it does not declare `listChanged`, and lacks the tools of the suites that change a
 * list.
 */
export function createServer(context: ToolContext): McpServer {
  const legacy = context.session.era === 'legacy';
  const server = new McpServer(
    { name: 'conformance', version: '1.0.0' },
    {
      capabilities: {
        tools: { listChanged: false },
        prompts: { listChanged: false },
        // Subscriptions exist in the legacy era only.
        resources: { listChanged: false, ...(legacy && { subscribe: true }) },
        completions: {},
        logging: {},
      },
    },
  );
  registerContentTools(server);
  registerSchemaTools(server);
  registerLegacyElicitations(server);
  registerInputRequests(server);
  registerPrompts(server);
  registerResources(server);
  if (legacy) registerSubscriptions(server);
  registerLongTools(server, context.longRunning);
  return server;
}

const pause = () => new Promise((resolve) => setTimeout(resolve, 50));

function registerContentTools(server: McpServer): void {
  // The first tool must work without arguments: the header checks call it.
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

  server.registerTool(
    'test_multiple_content_types',
    { description: 'Returns a string, an image and a resource' },
    async () => ({
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
    }),
  );

  server.registerTool('test_error_handling', { description: 'Fails' }, async () => {
    throw new Error('This tool intentionally returns an error for testing');
  });

  server.registerTool(
    'test_tool_with_logging',
    { description: 'Logs three times while it runs' },
    async ({ mcpReq }) => {
      await mcpReq.log('info', 'Tool execution started');
      await pause();
      await mcpReq.log('info', 'Tool processing data');
      await pause();
      await mcpReq.log('info', 'Tool execution completed');
      return text('Logged three times');
    },
  );

  // The SDK sends nothing if the request has no log level.
  server.registerTool('test_logging_tool', { description: 'Logs once' }, async ({ mcpReq }) => {
    await mcpReq.log('info', 'Tool execution started');
    return text('Logged once, if that was asked for');
  });

  server.registerTool('test_tool_with_progress', { description: 'Reports its progress' }, async ({ mcpReq }) => {
    const progressToken = mcpReq._meta?.progressToken;
    for (const progress of [0, 50, 100]) {
      if (progress > 0) await pause();
      if (progressToken === undefined) continue;
      await mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress, total: 100 } });
    }
    return text('Progressed from 0 to 100');
  });

  server.registerTool('test_reconnection', { description: 'Closes its stream before it answers' }, async ({ http }) => {
    await pause();
    await pause();
    http?.closeSSE?.();
    return text('Sent after the stream had been closed');
  });

  server.registerTool('test_streaming_elicitation', { description: 'Asks nothing' }, async () =>
    text('Nothing had to be asked'),
  );

  server.registerTool(
    'greet',
    { description: 'Greets', inputSchema: z.object({ name: z.string() }) },
    async ({ name }) => text(`Hello, ${name}!`),
  );
}

function registerSchemaTools(server: McpServer): void {
  server.registerTool(
    'json_schema_2020_12_tool',
    {
      description: 'Has an input schema with many keywords',
      inputSchema: fromJsonSchema({
        $schema: 'https://json-schema.org/draft/2020-12/schema',
        type: 'object',
        $defs: {
          address: {
            $anchor: 'addressDef',
            type: 'object',
            properties: { street: { type: 'string' }, city: { type: 'string' } },
          },
        },
        properties: {
          name: { type: 'string' },
          address: { $ref: '#/$defs/address' },
          contactMethod: { type: 'string', enum: ['phone', 'email'] },
          phone: { type: 'string' },
          email: { type: 'string' },
        },
        allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
        if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
        // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
        then: { required: ['phone'] },
        else: { required: ['email'] },
        additionalProperties: false,
      }),
    },
    async (input) => text(JSON.stringify(input)),
  );

  // The client repeats the argument in the header `Mcp-Param-Region`. The values must be equal.
  server.registerTool(
    'test_x_mcp_header',
    {
      description: 'Has an argument that is repeated in a header',
      inputSchema: z.object({ region: z.string().meta({ 'x-mcp-header': 'Region' }) }),
    },
    async ({ region }) => text(`Region: ${region}`),
  );
}

/** Tools of the legacy scenarios, in which an elicitation is a request of the server. */
function registerLegacyElicitations(server: McpServer): void {
  server.registerTool(
    'test_sampling',
    { description: 'Asks the client’s model', inputSchema: z.object({ prompt: z.string() }) },
    async ({ prompt }, ctx) => {
      const answer = inputResponse(ctx.mcpReq.inputResponses, 'answer');
      if (answer.kind !== 'sampling') {
        const messages = [userMessage(prompt)];
        return inputRequired({ inputRequests: { answer: inputRequired.createMessage({ messages, maxTokens: 100 }) } });
      }
      return text(`LLM response: ${JSON.stringify(answer.result.content)}`);
    },
  );

  server.registerTool(
    'test_elicitation',
    { description: 'Asks the user for a name and an address', inputSchema: z.object({ message: z.string() }) },
    async ({ message }, { mcpReq }) =>
      elicited(mcpReq, 'User response', message, {
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
    async ({ mcpReq }) =>
      elicited(mcpReq, 'Elicitation completed', 'Please review these defaults', {
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
  server.registerTool(
    'test_elicitation_sep1330_enums',
    { description: 'Asks with each kind of choice' },
    async ({ mcpReq }) =>
      elicited(mcpReq, 'Elicitation completed', 'Please choose', {
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

type Form = Parameters<typeof inputRequired.elicit>[0]['requestedSchema'];

/** Sends one elicitation and returns its result. */
function elicited(mcpReq: ServerContext['mcpReq'], title: string, message: string, requestedSchema: Form) {
  const answer = inputResponse(mcpReq.inputResponses, 'form');
  return answer.kind === 'elicit'
    ? text(`${title}: action=${answer.action}, content=${JSON.stringify(answer.content ?? {})}`)
    : inputRequired({ inputRequests: { form: inputRequired.elicit({ message, requestedSchema }) } });
}

const nameForm = z.object({ name: z.string() });
const colorForm = z.object({ color: z.string() });
const okForm = z.object({ ok: z.boolean() });

const askName = (message = 'What is your name?') => inputRequired.elicit({ message, requestedSchema: nameForm });

/** Tools of the scenarios `input-required-result-*`. */
function registerInputRequests(server: McpServer): void {
  server.registerTool(
    'test_input_required_result_elicitation',
    { description: 'Asks for a name' },
    async ({ mcpReq }) => {
      const user = acceptedContent(mcpReq.inputResponses, 'user_name', nameForm);
      return user ? text(`Hello, ${user.name}!`) : inputRequired({ inputRequests: { user_name: askName() } });
    },
  );

  server.registerTool(
    'test_input_required_result_sampling',
    { description: 'Asks the client’s model' },
    async ({ mcpReq }) => {
      const answer = inputResponse(mcpReq.inputResponses, 'capital_question');
      if (answer.kind === 'sampling') return text(JSON.stringify(answer.result.content));
      const messages = [userMessage('What is the capital of France?')];
      return inputRequired({
        inputRequests: { capital_question: inputRequired.createMessage({ messages, maxTokens: 100 }) },
      });
    },
  );

  server.registerTool(
    'test_input_required_result_list_roots',
    { description: 'Asks for the client’s roots' },
    async ({ mcpReq }) => {
      const answer = inputResponse(mcpReq.inputResponses, 'client_roots');
      if (answer.kind === 'roots') return text(answer.roots.map(({ uri }) => uri).join(', '));
      return inputRequired({ inputRequests: { client_roots: inputRequired.listRoots() } });
    },
  );

  server.registerTool(
    'test_input_required_result_request_state',
    { description: 'Asks for a confirmation and keeps state meanwhile' },
    async ({ mcpReq }) => confirmed(mcpReq, 'test_input_required_result_request_state'),
  );

  server.registerTool(
    'test_input_required_result_tampered_state',
    { description: 'Asks for a confirmation and keeps state meanwhile' },
    async ({ mcpReq }) => confirmed(mcpReq, 'test_input_required_result_tampered_state'),
  );

  server.registerTool(
    'test_input_required_result_multiple_inputs',
    { description: 'Asks three things at once' },
    async ({ mcpReq }) => {
      const user = acceptedContent(mcpReq.inputResponses, 'user_name', nameForm);
      const greeting = inputResponse(mcpReq.inputResponses, 'greeting');
      const roots = inputResponse(mcpReq.inputResponses, 'client_roots');
      if (user && greeting.kind === 'sampling' && roots.kind === 'roots') {
        return text(`${user.name}: ${JSON.stringify(greeting.result.content)}, ${roots.roots.length} roots`);
      }
      const messages = [userMessage('Generate a greeting')];
      return inputRequired({
        inputRequests: {
          user_name: askName(),
          greeting: inputRequired.createMessage({ messages, maxTokens: 50 }),
          client_roots: inputRequired.listRoots(),
        },
        requestState: JSON.stringify({ asked: 'all three' }),
      });
    },
  );

  server.registerTool(
    'test_input_required_result_multi_round',
    { description: 'Asks two things one after the other' },
    async ({ mcpReq }) => {
      const { name: known } = stateOf<{ name?: string }>(mcpReq) ?? {};
      const name = known ?? acceptedContent(mcpReq.inputResponses, 'step1', nameForm)?.name;
      if (name === undefined) {
        return inputRequired({
          inputRequests: { step1: askName('Step 1: What is your name?') },
          requestState: JSON.stringify({}),
        });
      }
      const color = acceptedContent(mcpReq.inputResponses, 'step2', colorForm)?.color;
      if (color === undefined) {
        const message = 'Step 2: What is your favorite color?';
        return inputRequired({
          inputRequests: { step2: inputRequired.elicit({ message, requestedSchema: colorForm }) },
          requestState: JSON.stringify({ name }),
        });
      }
      return text(`${name} likes ${color}`);
    },
  );

  server.registerTool(
    'test_input_required_result_capabilities',
    { description: 'Asks only what the client can answer' },
    async ({ mcpReq }) => {
      const { elicitation, sampling } = server.server.getClientCapabilities() ?? {};
      const messages = [userMessage('Generate a greeting')];
      const inputRequests = {
        ...(elicitation && { user_name: askName() }),
        ...(sampling && { greeting: inputRequired.createMessage({ messages, maxTokens: 50 }) }),
      };
      if (Object.keys(mcpReq.inputResponses ?? {}).length > 0) return text('Answered');
      return Object.keys(inputRequests).length > 0
        ? inputRequired({ inputRequests })
        : text('The client has no capability for input requests');
    },
  );

  // Requests an input that the client has not declared; the SDK rejects it with -32021.
  server.registerTool(
    'test_missing_capability',
    { description: 'Asks without regard to what the client can answer' },
    async ({ mcpReq }) => {
      const answer = inputResponse(mcpReq.inputResponses, 'needed');
      if (answer.kind === 'sampling') return text('The client does sampling');
      const messages = [userMessage('Are you there?')];
      return inputRequired({ inputRequests: { needed: inputRequired.createMessage({ messages, maxTokens: 10 }) } });
    },
  );
}

/** Requests a confirmation, and continues only with the state that it issued for this tool. */
function confirmed(mcpReq: ServerContext['mcpReq'], tool: string) {
  const answer = acceptedContent(mcpReq.inputResponses, 'confirm', okForm);
  const state = stateOf<{ tool: string }>(mcpReq);
  if (answer && state?.tool === tool) return text('state-ok');
  return inputRequired({
    inputRequests: { confirm: inputRequired.elicit({ message: 'Please confirm', requestedSchema: okForm }) },
    requestState: JSON.stringify({ tool }),
  });
}

/** The state that the tool issued in this round. The core verifies its integrity. */
function stateOf<State>(mcpReq: ServerContext['mcpReq']): State | undefined {
  const state = mcpReq.requestState<string>();
  return state === undefined ? undefined : (JSON.parse(state) as State);
}

function registerPrompts(server: McpServer): void {
  server.registerPrompt('test_simple_prompt', { description: 'One message' }, async () => ({
    messages: [userMessage('This is a simple prompt for testing.')],
  }));

  server.registerPrompt(
    'test_prompt_with_arguments',
    {
      description: 'One message with both arguments in it',
      argsSchema: z.object({
        arg1: completable(z.string(), (value) =>
          ['testing', 'testament', 'hello'].filter((each) => each.startsWith(value)),
        ),
        arg2: z.string(),
      }),
    },
    async ({ arg1, arg2 }) => ({
      messages: [userMessage(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)],
    }),
  );

  server.registerPrompt(
    'test_prompt_with_embedded_resource',
    { description: 'A resource and a message', argsSchema: z.object({ resourceUri: z.string() }) },
    async ({ resourceUri }) => ({
      messages: [
        {
          role: 'user',
          content: {
            type: 'resource',
            resource: {
              uri: resourceUri,
              mimeType: 'text/plain',
              text: 'Embedded resource content for testing.',
            },
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

  const contextForm = z.object({ context: z.string() });
  server.registerPrompt(
    'test_input_required_result_prompt',
    { description: 'Asks for a context first' },
    async ({ mcpReq }) => {
      const given = acceptedContent(mcpReq.inputResponses, 'user_context', contextForm);
      if (given) return { messages: [userMessage(`With this context: ${given.context}`)] };
      const message = 'What context should the prompt use?';
      return inputRequired({
        inputRequests: { user_context: inputRequired.elicit({ message, requestedSchema: contextForm }) },
      });
    },
  );
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
    async ({ href }) => ({
      contents: [{ uri: href, mimeType: 'image/png', blob: png }],
    }),
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
}

/** Accepts subscriptions without storing them: resources do not change. */
function registerSubscriptions({ server }: McpServer): void {
  server.setRequestHandler('resources/subscribe', async () => ({}));
  server.setRequestHandler('resources/unsubscribe', async () => ({}));
}
