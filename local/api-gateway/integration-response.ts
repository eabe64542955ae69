import { validateHeaderName, validateHeaderValue } from 'node:http';

/** What a function wants to be answered, without its body. */
export type Head = { status: number; headers: [name: string, value: string][] };

/** Bytes within which the prelude of a stream must end. */
const PRELUDE_LIMIT = 16_384;

const PRELUDE_END = Buffer.alloc(8);

/** Headers of a function that API Gateway drops or renames ("important notes", column for Lambda responses). */
const dropped = new Set([
  'expect',
  'host',
  'proxy-authenticate',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'via',
]);
const remapped = new Set([
  'authorization',
  'connection',
  'content-md5',
  'date',
  'max-forwards',
  'server',
  'user-agent',
  'www-authenticate',
]);

/** The function's answer is not one that API Gateway understands, which makes it a 502. */
export class MalformedAnswer extends Error {}

/**
 * The result of a buffered proxy integration. No field is required, and a field that is not known makes the whole result
 * malformed.
 *
 * @param acceptsBinary whether the client asked for a type that the API treats as bytes: only then is base64 decoded
 */
export function bufferedAnswer(result: unknown, acceptsBinary: boolean): Head & { body: Buffer } {
  const {
    body = '',
    isBase64Encoded,
    ...head
  } = fields(result, ['statusCode', 'headers', 'multiValueHeaders', 'body', 'isBase64Encoded']);
  if (body !== null && typeof body !== 'string') throw new MalformedAnswer('its body is not a text');
  return {
    ...readHead(head),
    body: Buffer.from(body ?? '', isBase64Encoded === true && acceptsBinary ? 'base64' : 'utf8'),
  };
}

/**
 * Reads a stream up to the end of its prelude.
 *
 * @returns the head, and the first bytes of the body, which may be none
 * @throws MalformedAnswer if it ends without a prelude: its handler never wrote, or did not use `HttpResponseStream`
 */
export async function readPrelude(chunks: AsyncIterator<Uint8Array>): Promise<Head & { rest: Buffer }> {
  let read = Buffer.alloc(0);
  for (;;) {
    const end = read.indexOf(PRELUDE_END);
    if (end >= 0) {
      return { ...readHead(parsePrelude(read.subarray(0, end))), rest: read.subarray(end + PRELUDE_END.length) };
    }
    if (read.length > PRELUDE_LIMIT) throw new MalformedAnswer(`it has no prelude in its first ${PRELUDE_LIMIT} bytes`);
    const next = await chunks.next();
    if (next.done) throw new MalformedAnswer('it ended without a prelude, so without status and headers');
    read = Buffer.concat([read, next.value]);
  }
}

function parsePrelude(bytes: Buffer): Record<string, unknown> {
  let prelude: unknown;
  try {
    prelude = JSON.parse(bytes.toString());
  } catch {
    throw new MalformedAnswer('its prelude is not JSON');
  }
  return fields(prelude, ['statusCode', 'headers', 'multiValueHeaders', 'cookies']);
}

function fields(value: unknown, known: string[]): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new MalformedAnswer('it is not an object');
  const unknown = Object.keys(value).find((name) => !known.includes(name));
  if (unknown !== undefined) throw new MalformedAnswer(`it has a field ${unknown}`);
  return value as Record<string, unknown>;
}

function readHead({ statusCode = 200, headers, multiValueHeaders, cookies }: Record<string, unknown>): Head {
  const status = Number(statusCode);
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw new MalformedAnswer(`its status ${statusCode} is not between 200 and 599`);
  }
  const single = Object.entries((headers ?? {}) as Record<string, unknown>);
  const multiple = Object.entries((multiValueHeaders ?? {}) as Record<string, unknown>);
  const all: [string, unknown][] = [
    ...single.filter(([name]) => !multiple.some(([each]) => each.toLowerCase() === name.toLowerCase())),
    ...multiple.flatMap(([name, values]) =>
      Array.isArray(values) ? values.map((value): [string, unknown] => [name, value]) : [],
    ),
    ...((cookies ?? []) as unknown[]).map((cookie): [string, unknown] => ['Set-Cookie', cookie]),
  ];
  const checked = all.map(([name, value]): [string, string] => {
    if (typeof value !== 'string' && typeof value !== 'boolean')
      throw new MalformedAnswer(`its header ${name} is not a text`);
    return [name, String(value)];
  });
  return { status, headers: renamed(checked) };
}

function renamed(headers: [string, string][]): [string, string][] {
  const kept = headers
    .filter(([name]) => !dropped.has(name.toLowerCase()))
    .map(([name, value]): [string, string] => [
      remapped.has(name.toLowerCase()) ? `x-amzn-Remapped-${name}` : name,
      value,
    ]);
  for (const [name, value] of kept) {
    try {
      validateHeaderName(name);
      validateHeaderValue(name, value);
    } catch (error) {
      throw new MalformedAnswer((error as Error).message);
    }
  }
  return withContentType(kept, 'application/json');
}

/** Every answer has a type, also one without a body. */
export function withContentType(headers: [string, string][], type: string): [string, string][] {
  return headers.some(([name]) => name.toLowerCase() === 'content-type')
    ? headers
    : [['Content-Type', type], ...headers];
}
