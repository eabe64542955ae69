import { validateHeaderName, validateHeaderValue } from 'node:http';
import type { HeaderList } from './api-model.ts';

/** The status and headers of a response. */
export type ResponseHead = { status: number; headers: HeaderList };

/** The prelude of a stream must end within this number of bytes. */
const PRELUDE_LIMIT = 16_384;

const PRELUDE_END = Buffer.alloc(8);

/** Response headers that API Gateway drops ("important notes", column for Lambda responses). */
const droppedHeaders = new Set([
  'expect',
  'host',
  'proxy-authenticate',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'via',
]);

/** Response headers that API Gateway renames to `x-amzn-Remapped-…` (same source). */
const remappedHeaders = new Set([
  'authorization',
  'connection',
  'content-md5',
  'date',
  'max-forwards',
  'server',
  'user-agent',
  'www-authenticate',
]);

/** The function's response does not have the format that API Gateway requires. API Gateway answers 502. */
export class MalformedResponse extends Error {}

/**
 * The response of a buffered proxy integration. No member is required, and an unknown member makes the whole response
 * malformed.
 *
 * @param acceptsBinary whether the client accepts a type that the API treats as binary: only then is base64 decoded
 */
export function readBufferedResponse(result: unknown, acceptsBinary: boolean): ResponseHead & { body: Buffer } {
  const members = ['statusCode', 'headers', 'multiValueHeaders', 'body', 'isBase64Encoded'];
  const { body = '', isBase64Encoded, ...head } = assertMembers(result, members);
  if (body !== null && typeof body !== 'string') throw new MalformedResponse('its body is not a string');
  return {
    ...readHead(head),
    body: Buffer.from(body ?? '', isBase64Encoded === true && acceptsBinary ? 'base64' : 'utf8'),
  };
}

/**
 * Reads a stream up to the end of its prelude.
 *
 * @returns the head, and the bytes of the body that have been read, possibly none
 * @throws MalformedResponse if the stream ends without a prelude: its handler never wrote, or did not use
 * `HttpResponseStream`
 */
export async function readPrelude(chunks: AsyncIterator<Uint8Array>): Promise<ResponseHead & { rest: Buffer }> {
  let bytes = Buffer.alloc(0);
  for (;;) {
    const end = bytes.indexOf(PRELUDE_END);
    if (end >= 0) {
      return { ...readHead(parsePrelude(bytes.subarray(0, end))), rest: bytes.subarray(end + PRELUDE_END.length) };
    }
    if (bytes.length > PRELUDE_LIMIT) {
      throw new MalformedResponse(`it has no prelude in its first ${PRELUDE_LIMIT} bytes`);
    }
    const next = await chunks.next();
    if (next.done) throw new MalformedResponse('it ended without a prelude, so without status and headers');
    bytes = Buffer.concat([bytes, next.value]);
  }
}

function parsePrelude(bytes: Buffer): Record<string, unknown> {
  let prelude: unknown;
  try {
    prelude = JSON.parse(bytes.toString());
  } catch {
    throw new MalformedResponse('its prelude is not JSON');
  }
  return assertMembers(prelude, ['statusCode', 'headers', 'multiValueHeaders', 'cookies']);
}

function assertMembers(value: unknown, allowed: string[]): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new MalformedResponse('it is not an object');
  }
  const unknown = Object.keys(value).find((name) => !allowed.includes(name));
  if (unknown !== undefined) throw new MalformedResponse(`it has an unknown member ${unknown}`);
  return value as Record<string, unknown>;
}

function readHead({ statusCode = 200, headers, multiValueHeaders, cookies }: Record<string, unknown>): ResponseHead {
  const status = Number(statusCode);
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw new MalformedResponse(`its status ${statusCode} is not between 200 and 599`);
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
  const strings = all.map(([name, value]): [string, string] => {
    if (typeof value !== 'string' && typeof value !== 'boolean') {
      throw new MalformedResponse(`its header ${name} is not a string`);
    }
    return [name, String(value)];
  });
  return { status, headers: sentHeaders(strings) };
}

/** The headers as API Gateway sends them to the client. */
function sentHeaders(headers: HeaderList): HeaderList {
  const sent = headers
    .filter(([name]) => !droppedHeaders.has(name.toLowerCase()))
    .map(([name, value]): [string, string] => [
      remappedHeaders.has(name.toLowerCase()) ? `x-amzn-Remapped-${name}` : name,
      value,
    ]);
  for (const [name, value] of sent) {
    try {
      validateHeaderName(name);
      validateHeaderValue(name, value);
    } catch (error) {
      throw new MalformedResponse((error as Error).message);
    }
  }
  return withContentType(sent, 'application/json');
}

/** Every response has a content type, also one without a body. */
export function withContentType(headers: HeaderList, type: string): HeaderList {
  return headers.some(([name]) => name.toLowerCase() === 'content-type')
    ? headers
    : [['Content-Type', type], ...headers];
}
