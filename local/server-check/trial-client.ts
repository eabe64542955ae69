/** A JSON-RPC message, as far as the check reads it. */
type Message = { id?: unknown; result?: Record<string, unknown>; error?: { message: string } };

/** A server of either SDK: the check depends on neither. */
export type TrialServer = { connect(transport: object): Promise<void>; close(): Promise<void> };

export const isTrialServer = (value: unknown): value is TrialServer =>
  typeof value === 'object' && value !== null && typeof (value as Partial<TrialServer>).connect === 'function';

export type ListedTool = { name: string; execution?: { taskSupport?: string } };

/** Connects to a server in this process and lists its tools. @throws Error with the message of the server's error */
export async function listTools(server: TrialServer): Promise<ListedTool[]> {
  const transport = new TrialTransport();
  await server.connect(transport);
  try {
    const { capabilities = {} } = await transport.request('initialize', {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 'holdfast-check', version: '1' },
    });
    if (!(capabilities as { tools?: object }).tools) return [];
    transport.notify('notifications/initialized');
    const tools: ListedTool[] = [];
    for (let cursor: unknown, page = 0; page === 0 || cursor !== undefined; page++) {
      const result = await transport.request('tools/list', cursor === undefined ? {} : { cursor });
      tools.push(...(result.tools as ListedTool[]));
      cursor = result.nextCursor;
    }
    return tools;
  } finally {
    await server.close();
  }
}

/** The transport of both SDKs, without a wire. */
class TrialTransport {
  onmessage: ((message: object) => void) | undefined;
  onclose: (() => void) | undefined;
  onerror: ((error: Error) => void) | undefined;
  #id = 0;
  readonly #pending = new Map<
    unknown,
    { resolve(result: Record<string, unknown>): void; reject(error: Error): void }
  >();

  async start(): Promise<void> {}

  async close(): Promise<void> {
    this.onclose?.();
  }

  async send({ id, result, error }: Message): Promise<void> {
    const pending = this.#pending.get(id);
    if (error !== undefined) pending?.reject(new Error(error.message));
    else if (result !== undefined) pending?.resolve(result);
  }

  request(method: string, params: object): Promise<Record<string, unknown>> {
    const id = ++this.#id;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.onmessage?.({ jsonrpc: '2.0', id, method, params });
    });
  }

  notify(method: string): void {
    this.onmessage?.({ jsonrpc: '2.0', method });
  }
}
