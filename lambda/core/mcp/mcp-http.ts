/**
 * The web's `Headers`, `Request` and `Response` (Fetch Standard) as far as `/mcp` has a use for them.
 *
 * The platform's own are part of undici, which takes 20 ms to load and a fifth of what a warm request costs: they check
 * what API Gateway has checked, and make streams of texts that are there as a whole. What these do, they do as the
 * platform's do (`test/core/mcp/mcp-http.test.ts` compares them); what they do not have, nobody here asks for.
 */
export class McpHeaders implements Iterable<[string, string]> {
  readonly #values: Map<string, string>;

  constructor(init: Iterable<readonly [string, string]> | Record<string, string> = []) {
    this.#values = new Map(init instanceof McpHeaders ? init.#values : undefined);
    if (init instanceof McpHeaders) return;
    const entries = Symbol.iterator in init ? (init as Iterable<readonly [string, string]>) : Object.entries(init);
    for (const [name, value] of entries) this.append(name, value);
  }

  get(name: string): string | null {
    return this.#values.get(name.toLowerCase()) ?? null;
  }

  has(name: string): boolean {
    return this.#values.has(name.toLowerCase());
  }

  /** @throws TypeError for a value that would begin another line */
  set(name: string, value: string): void {
    this.#values.set(name.toLowerCase(), valid(value));
  }

  /** Several values become one, with commas between them (RFC 9110 §5.3). There is no answer here with two cookies. */
  append(name: string, value: string): void {
    const key = name.toLowerCase();
    const before = this.#values.get(key);
    const more = valid(value);
    this.#values.set(key, before === undefined ? more : `${before}, ${more}`);
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

  [Symbol.iterator](): MapIterator<[string, string]> {
    return this.#values.entries();
  }
}

const around = '\t\n\r ';
const plain = /^(?:[!-~](?:[ -~]*[!-~])?)?$/;

/** What surrounds a value is not a part of it (Fetch Standard, "normalize"). */
function valid(value: string): string {
  if (plain.test(value)) return value;
  let start = 0;
  let end = value.length;
  while (start < end && around.includes(value[start]!)) start++;
  while (end > start && around.includes(value[end - 1]!)) end--;
  const trimmed = value.slice(start, end);
  if (/[\0\n\r]/.test(trimmed)) throw new TypeError('A header has a line break in its value');
  return trimmed;
}

export type McpRequestInit = {
  method?: string;
  headers?: ConstructorParameters<typeof McpHeaders>[0];
  body?: string | Uint8Array | null | undefined;
  signal?: AbortSignal | undefined;
};

export class McpRequest {
  readonly url: string;
  readonly method: string;
  readonly headers: McpHeaders;
  /** As it came; not a stream, as the platform's is. */
  readonly body: string | Uint8Array | null;
  #signal: AbortSignal | undefined;

  /**
   * @param url absolute, as the platform would write it
   * @param init `Headers` are taken as they are, not copied: they are the request's from now on
   */
  constructor(url: string, { method = 'GET', headers, body, signal }: McpRequestInit = {}) {
    this.url = url;
    this.method = method;
    this.headers = headers instanceof McpHeaders ? headers : new McpHeaders(headers);
    this.body = body ?? null;
    this.#signal = signal;
  }

  /** Aborted by whoever made the request, if they have said that they may. */
  get signal(): AbortSignal {
    this.#signal ??= new AbortController().signal;
    return this.#signal;
  }
}

/** For the SDK, and through it for tools, which read method, URL, headers and signal of it. */
export const platformRequest = (request: McpRequest): globalThis.Request => request as unknown as globalThis.Request;

export type McpResponseInit = { status?: number; headers?: ConstructorParameters<typeof McpHeaders>[0] };

export class McpResponse {
  readonly status: number;
  readonly headers: McpHeaders;
  /** A text that is there as a whole, or pieces that come. The platform's is a stream in any case. */
  readonly body: string | AsyncIterable<Uint8Array> | null;

  constructor(body: McpResponse['body'] = null, { status = 200, headers }: McpResponseInit = {}) {
    this.status = status;
    this.headers = new McpHeaders(headers);
    this.body = body;
    if (typeof body === 'string' && !this.headers.has('content-type')) {
      this.headers.set('Content-Type', 'text/plain;charset=UTF-8');
    }
  }

  /** @throws TypeError for what JSON has no form for */
  static json(data: unknown, { status, headers }: McpResponseInit = {}): McpResponse {
    const text = JSON.stringify(data);
    if (text === undefined) throw new TypeError('The value has no form in JSON');
    const all = new McpHeaders(headers);
    if (!all.has('content-type')) all.set('Content-Type', 'application/json');
    return new McpResponse(text, { ...(status !== undefined && { status }), headers: all });
  }

  /** What the platform's has come to; of one that is here as a whole, the text. */
  static async from(response: globalThis.Response | McpResponse): Promise<McpResponse> {
    if (response instanceof McpResponse) return response;
    const { status, headers } = response;
    const comes = headers.get('content-type')?.startsWith('text/event-stream');
    return new McpResponse(response.body && (comes ? response.body : await response.text()), { status, headers });
  }

  get ok(): boolean {
    return this.status >= 200 && this.status <= 299;
  }

  /** A text may be read any number of times; pieces only once. */
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
