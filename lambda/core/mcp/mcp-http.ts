/**
 * The subset of the web's `Headers`, `Request` and `Response` (Fetch Standard) that `/mcp` uses.
 *
 * The platform's classes are part of undici, which takes 20 ms to load and a fifth of a warm request: they repeat checks
 * of API Gateway and wrap complete bodies in streams. The subset behaves as the platform does
 * (`test/core/mcp/mcp-http.test.ts` compares both).
 */
export class McpHeaders implements Iterable<[string, string]> {
  readonly #values: Map<string, string>;

  constructor(init?: Iterable<readonly [string, string]> | Record<string, string>) {
    this.#values = new Map(init instanceof McpHeaders ? init.#values : undefined);
    if (init === undefined || init instanceof McpHeaders) return;
    const entries = Symbol.iterator in init ? (init as Iterable<readonly [string, string]>) : Object.entries(init);
    for (const [name, value] of entries) this.append(name, value);
  }

  get(name: string): string | null {
    return this.#values.get(name) ?? this.#values.get(name.toLowerCase()) ?? null;
  }

  has(name: string): boolean {
    return this.#values.has(name.toLowerCase());
  }

  /** @throws TypeError for a value with a line break */
  set(name: string, value: string): void {
    this.#values.set(name.toLowerCase(), valid(value));
  }

  /** Joins several values with commas (RFC 9110 §5.3). No response of `/mcp` has two cookies. */
  append(name: string, value: string): void {
    this.#add(name, valid(value));
  }

  /** Adds a header of an HTTP request, whose server has trimmed its values, and rejects line breaks (RFC 9110 §5.5). */
  receive(name: string, values: readonly string[]): void {
    if (values.length > 0) this.#add(name, values.length === 1 ? values[0]! : values.join(', '));
  }

  #add(name: string, value: string): void {
    const key = name.toLowerCase();
    const before = this.#values.get(key);
    this.#values.set(key, before === undefined ? value : `${before}, ${value}`);
  }

  delete(name: string): void {
    this.#values.delete(name.toLowerCase());
  }

  forEach(each: (value: string, name: string, headers: McpHeaders) => void): void {
    for (const [name, value] of this) each(value, name, this);
  }

  keys(): MapIterator<string> {
    return this.#values.keys();
  }

  values(): MapIterator<string> {
    return this.#values.values();
  }

  entries(): MapIterator<[string, string]> {
    return this.#values.entries();
  }

  /** Requests carry no `Set-Cookie`. */
  getSetCookie(): string[] {
    return [];
  }

  [Symbol.iterator](): MapIterator<[string, string]> {
    return this.#values.entries();
  }
}

const around = '\t\n\r ';
const plain = /^(?:[!-~](?:[ -~]*[!-~])?)?$/;

/** Removes surrounding white space (Fetch Standard, "normalize"). */
function valid(value: string): string {
  if (plain.test(value)) return value;
  let start = 0;
  let end = value.length;
  while (start < end && around.includes(value[start]!)) start++;
  while (end > start && around.includes(value[end - 1]!)) end--;
  const trimmed = value.slice(start, end);
  if (/[\0\n\r]/.test(trimmed)) throw new TypeError('Header value contains a line break');
  return trimmed;
}

export type McpRequestInit = {
  method?: string;
  headers?: ConstructorParameters<typeof McpHeaders>[0];
  body?: string | Uint8Array | null | undefined;
  signal?: AbortSignal | undefined;
  /** Epoch milliseconds at which the gateway received the request. */
  receivedAt?: number | undefined;
};

type ToolRequestInit = Pick<McpRequestInit, 'method' | 'signal'> & {
  headers?: McpRequestInit['headers'] | (() => McpHeaders);
};

/** A request to `/mcp` as it arrives. */
export class McpRequest {
  readonly url: string;
  readonly method: string;
  readonly headers: McpHeaders;
  /** As it arrived; a platform request has a stream here. */
  readonly body: string | Uint8Array | null;
  /** Epoch milliseconds at which the gateway received the request, if it says so. */
  readonly receivedAt: number | undefined;

  /**
   * @param url absolute, in the platform's notation
   * @param init `McpHeaders` become the request's own, without a copy
   */
  constructor(url: string, { method = 'GET', headers, body, receivedAt }: McpRequestInit = {}) {
    this.url = url;
    this.method = method;
    this.headers = headers instanceof McpHeaders ? headers : new McpHeaders(headers);
    this.body = body ?? null;
    this.receivedAt = receivedAt;
  }
}

/**
 * The request as the SDK and tools see it (`ctx.http.req`): URL, method, headers and signal of a platform `Request`. The
 * body has been read, and the rest of the interface throws.
 */
export class ToolRequest {
  readonly url: string;
  readonly method: string;
  #headers: ToolRequestInit['headers'];
  #signal: AbortSignal | undefined;

  /** @param init `McpHeaders` become the request's own, without a copy; a function is called when they are first read */
  constructor(url: string, { method = 'GET', headers, signal }: ToolRequestInit = {}) {
    this.url = url;
    this.method = method;
    this.#headers = headers;
    this.#signal = signal;
  }

  get headers(): McpHeaders {
    if (this.#headers instanceof McpHeaders) return this.#headers;
    const headers = typeof this.#headers === 'function' ? this.#headers() : new McpHeaders(this.#headers);
    this.#headers = headers;
    return headers;
  }

  get signal(): AbortSignal {
    this.#signal ??= new AbortController().signal;
    return this.#signal;
  }
}

/** Members of the platform's `Request` that a `ToolRequest` lacks. */
const absentMembers = [
  ...['arrayBuffer', 'blob', 'body', 'bodyUsed', 'bytes', 'formData', 'json', 'text', 'clone', 'duplex'],
  ...['cache', 'credentials', 'destination', 'integrity', 'isHistoryNavigation', 'isReloadNavigation', 'keepalive'],
  ...['mode', 'redirect', 'referrer', 'referrerPolicy', 'attribute'],
];

for (const name of absentMembers) {
  Object.defineProperty(ToolRequest.prototype, name, {
    get() {
      throw new TypeError(`ctx.http.req has no ${name}; it has url, method, headers and signal`);
    },
  });
}

/** The request under the platform's type, which the SDK's signatures name. */
export const toPlatformRequest = (request: ToolRequest): globalThis.Request => request as unknown as globalThis.Request;

export type McpResponseInit = { status?: number; headers?: ConstructorParameters<typeof McpHeaders>[0] };

export class McpResponse {
  readonly status: number;
  readonly headers: McpHeaders;
  /** A complete body, or its pieces as they arrive. A platform response has a stream in both cases. */
  readonly body: string | AsyncIterable<Uint8Array> | null;

  constructor(body: McpResponse['body'] = null, { status = 200, headers }: McpResponseInit = {}) {
    this.status = status;
    this.headers = new McpHeaders(headers);
    this.body = body;
    if (typeof body === 'string' && !this.headers.has('content-type')) {
      this.headers.set('Content-Type', 'text/plain;charset=UTF-8');
    }
  }

  /** @throws TypeError for a value that JSON cannot express */
  static json(data: unknown, { status, headers }: McpResponseInit = {}): McpResponse {
    const text = JSON.stringify(data);
    if (text === undefined) throw new TypeError('Value is not serializable as JSON');
    const all = new McpHeaders(headers);
    if (!all.has('content-type')) all.set('Content-Type', 'application/json');
    return new McpResponse(text, { ...(status !== undefined && { status }), headers: all });
  }

  /** Converts a platform response; a body that is not an event stream is read completely. */
  static async from(response: globalThis.Response | McpResponse): Promise<McpResponse> {
    if (response instanceof McpResponse) return response;
    const { status, headers } = response;
    const isStream = headers.get('content-type')?.startsWith('text/event-stream');
    return new McpResponse(response.body && (isStream ? response.body : await response.text()), { status, headers });
  }

  get ok(): boolean {
    return this.status >= 200 && this.status <= 299;
  }

  /** A complete body can be read repeatedly, a stream once. */
  async text(): Promise<string> {
    if (this.body === null || typeof this.body === 'string') return this.body ?? '';
    const decoder = new TextDecoder();
    let text = '';
    for await (const piece of this.body) text += decoder.decode(piece, { stream: true });
    return text + decoder.decode();
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text());
  }
}
