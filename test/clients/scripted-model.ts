import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

// biome-ignore lint/suspicious/noExplicitAny: three vendors' requests, of which a few members are read
type Json = any;

type Tool = { name: string; namespace?: string };

/** One vendor's API: the requests to its model, and the events of a streamed response. */
type Api = {
  path: RegExp;
  tools: (request: Json) => Tool[];
  /** The results of tools that the request contains. */
  results: (request: Json) => Json[];
  call: (tool: Tool) => Json[];
  end: () => Json[];
};

const messageStart = {
  type: 'message_start',
  message: { id: 'm', type: 'message', role: 'assistant', model: 'm', content: [], usage: { input_tokens: 1 } },
};
const messageEnd = (stop_reason: string) => [
  { type: 'content_block_stop', index: 0 },
  { type: 'message_delta', delta: { stop_reason }, usage: { output_tokens: 1 } },
  { type: 'message_stop' },
];

const anthropic: Api = {
  path: /^\/v1\/messages(\?|$)/,
  tools: ({ tools = [] }) => tools,
  results: ({ messages }) =>
    messages.flatMap(({ content }: Json) => [content].flat().filter(({ type }: Json) => type === 'tool_result')),
  call: ({ name }) => [
    messageStart,
    { type: 'content_block_start', index: 0, content_block: { type: 'tool_use', id: 'call', name, input: {} } },
    { type: 'content_block_delta', index: 0, delta: { type: 'input_json_delta', partial_json: '{}' } },
    ...messageEnd('tool_use'),
  ],
  end: () => [
    messageStart,
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Done.' } },
    ...messageEnd('end_turn'),
  ],
};

const responseEvents = (item: Json) => [
  { type: 'response.created', response: { id: 'r' } },
  { type: 'response.output_item.done', output_index: 0, item },
  { type: 'response.completed', response: { id: 'r', usage: { input_tokens: 1, output_tokens: 1, total_tokens: 2 } } },
];

const openAi: Api = {
  path: /^\/v1\/responses$/,
  tools: ({ tools = [] }) =>
    tools.flatMap(({ name, tools: inner }: Json) =>
      inner ? inner.map((each: Json) => ({ name: each.name, namespace: name })) : [{ name: name ?? '' }],
    ),
  results: ({ input }) => input.filter(({ type }: Json) => type === 'function_call_output'),
  call: (tool) => responseEvents({ type: 'function_call', id: 'f', call_id: 'call', arguments: '{}', ...tool }),
  end: () =>
    responseEvents({ type: 'message', id: 'm', role: 'assistant', content: [{ type: 'output_text', text: 'Done.' }] }),
};

const candidate = (part: Json) => [
  { candidates: [{ content: { role: 'model', parts: [part] }, finishReason: 'STOP', index: 0 }] },
];

const google: Api = {
  path: /:streamGenerateContent/,
  tools: ({ tools = [] }) => tools.flatMap(({ functionDeclarations = [] }: Json) => functionDeclarations),
  results: ({ contents }) =>
    contents.flatMap(({ parts }: Json) => parts.flatMap(({ functionResponse = [] }: Json) => functionResponse)),
  call: ({ name }) => candidate({ functionCall: { name, args: {} } }),
  end: () => candidate({ text: 'Done.' }),
};

/** A model that calls one tool as soon as an assistant offers it, and then ends its turn: assistants run without an account. */
export class ScriptedModel {
  /** By turn, whether the assistant has offered the tool, and the results that it has sent. */
  readonly turns: { isOffered: boolean; results: string[] }[] = [];
  readonly #server: Server;

  private constructor(tool: string) {
    this.#server = createServer(async (request, response) => {
      const body = await text(request);
      const api = [anthropic, openAi, google].find(({ path }) => path.test(request.url!));
      if (api === undefined) return void response.writeHead(404, { 'content-type': 'application/json' }).end('{}');
      const turn = JSON.parse(body);
      const { name, namespace } = api.tools(turn).find((each) => each.name.endsWith(tool)) ?? {};
      const results = api.results(turn).map((each) => JSON.stringify(each));
      this.turns.push({ isOffered: name !== undefined, results });
      const isCalled = name === undefined || results.length > 0;
      const events = isCalled ? api.end() : api.call({ name, ...(namespace && { namespace }) });
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      for (const event of events) {
        response.write(`${event.type ? `event: ${event.type}\n` : ''}data: ${JSON.stringify(event)}\n\n`);
      }
      response.end();
    });
  }

  /** @param tool the end of the tool's name: assistants put the server's name before it */
  static async start(tool: string): Promise<ScriptedModel> {
    const model = new ScriptedModel(tool);
    model.#server.listen(0, '127.0.0.1');
    await once(model.#server, 'listening');
    return model;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
