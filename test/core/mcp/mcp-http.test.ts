import fc from 'fast-check';
import * as ours from '../../../lambda/core/mcp/mcp-http.ts';

/** `lambda/core/mcp/mcp-http.ts` beside the platform's classes: members of both behave alike. */

const name = fc.constantFrom(
  'Accept',
  'accept',
  'Content-Type',
  'content-type',
  'Mcp-Session-Id',
  'X-Other',
  'x-other',
);
/** Valid and invalid values of a header. */
const value = fc.oneof(
  fc.constantFrom('', ' ', 'text/plain', ' text/event-stream ', 'a\tb', '\tx', 'é', 'a\r\nSet-Cookie: b', 'a\0b', '\n'),
  fc.string({ unit: fc.constantFrom('a', 'B', ' ', '\t', ',', ';', '=', '"', 'ÿ', '\r', '\n', '\0'), maxLength: 8 }),
);
const step = fc.oneof(
  fc.record({ do: fc.constantFrom('set' as const, 'append' as const), name, value }),
  fc.record({ do: fc.constant('delete' as const), name }),
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;
type SomeHeaders = Headers | ours.McpHeaders;

/** @returns false when the value is rejected with a TypeError */
function isApplied(headers: SomeHeaders, each: Step): boolean {
  try {
    if (each.do === 'delete') headers.delete(each.name);
    else headers[each.do](each.name, each.value);
    return true;
  } catch (error) {
    expect((error as Error).name).toBe('TypeError');
    return false;
  }
}

const sorted = (entries: Iterable<[string, string]>) => [...entries].sort(([a], [b]) => (a < b ? -1 : 1));

test('headers set, append, delete and reject values like those of the platform, in any case of their names', () => {
  let rejected = 0;
  let appended = 0;
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const [headers, platform] = [new ours.McpHeaders(), new Headers()];
      for (const each of steps) {
        const before = headers.get(each.name);
        const isValid = isApplied(platform, each);
        expect(isApplied(headers, each)).toBe(isValid);
        if (!isValid) rejected++;
        else if (each.do === 'append' && before !== null) appended++;
      }
      expect(sorted(headers)).toEqual(sorted(platform));
      for (const spelling of ['ACCEPT', 'content-type', 'X-Other', 'absent']) {
        expect(headers.get(spelling)).toBe(platform.get(spelling));
        expect(headers.has(spelling)).toBe(platform.has(spelling));
      }
      const copy = new ours.McpHeaders(headers);
      copy.set('accept', 'changed');
      expect(sorted(headers)).toEqual(sorted(platform));
      const record = Object.fromEntries(platform);
      expect(sorted(new ours.McpHeaders(record))).toEqual(sorted(new Headers(record)));
      const visited: [string, string][] = [];
      headers.forEach((each, of) => {
        visited.push([of, each]);
      });
      expect(visited).toEqual([...headers.entries()]);
      expect([...headers.keys()].map((of, index) => [of, [...headers.values()][index]])).toEqual(visited);
    }),
    { numRuns: 2000 },
  );
  expect(rejected).toBeGreaterThan(50);
  expect(appended).toBeGreaterThan(50);
});

const init = fc.record({
  status: fc.constantFrom(200, 202, 299, 400, 401, 503),
  headers: fc.dictionary(name, fc.constantFrom('a', 'text/event-stream'), { maxKeys: 3 }),
});

test('a buffered response has the status, headers and text of the platform’s', async () => {
  await fc.assert(
    fc.asyncProperty(fc.option(fc.string({ unit: 'grapheme' }), { nil: null }), init, async (text, given) => {
      const [response, platform] = [new ours.McpResponse(text, given), new Response(text, given)];
      expect([response.status, response.ok, sorted(response.headers)]).toEqual([
        platform.status,
        platform.ok,
        sorted(platform.headers),
      ]);
      expect(await response.text()).toBe(await platform.text());
      expect(await response.text()).toBe(text ?? '');
    }),
  );
});

test('a JSON response has the headers and text of the platform’s', async () => {
  await fc.assert(
    fc.asyncProperty(fc.jsonValue(), init, async (data, given) => {
      const [response, platform] = [ours.McpResponse.json(data, given), Response.json(data, given)];
      expect(sorted(response.headers)).toEqual(sorted(platform.headers));
      expect(await response.text()).toBe(await platform.clone().text());
      expect(await response.json()).toEqual(await platform.json());
    }),
  );
  expect(() => ours.McpResponse.json(undefined)).toThrow(TypeError);
  expect(() => Response.json(undefined)).toThrow('not JSON');
});

test('a streamed response has the text of its chunks, wherever they are divided', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'grapheme' }), fc.array(fc.nat(40), { maxLength: 6 }), async (text, cuts) => {
      const encoded = new TextEncoder().encode(text);
      const ends = [...new Set([...cuts.filter((cut) => cut < encoded.length), encoded.length])].sort((a, b) => a - b);
      async function* chunks() {
        let from = 0;
        for (const end of ends) {
          yield encoded.subarray(from, end);
          from = end;
        }
      }
      expect(await new ours.McpResponse(chunks()).text()).toBe(text);
      const stream = new Response(encoded, { status: 201, headers: { 'Content-Type': 'text/event-stream' } });
      const converted = await ours.McpResponse.from(stream);
      expect([converted.status, converted.headers.get('content-type'), await converted.text()]).toEqual([
        201,
        'text/event-stream',
        text,
      ]);
    }),
  );
});

test('a response that is converted from the platform’s is buffered unless it is an event stream', async () => {
  const { body, status, headers } = await ours.McpResponse.from(Response.json({ a: 1 }, { status: 400 }));
  expect([body, status, headers.get('content-type')]).toEqual(['{"a":1}', 400, 'application/json']);
  expect((await ours.McpResponse.from(new Response(null, { status: 202 }))).body).toBeNull();
  const response = new ours.McpResponse('x');
  expect(await ours.McpResponse.from(response)).toBe(response);
});

test('a tool request has the signal it was created with, or one that is never aborted', () => {
  const { signal } = new AbortController();
  expect(new ours.ToolRequest('https://mcp.example/mcp', { signal }).signal).toBe(signal);
  const request = new ours.ToolRequest('https://mcp.example/mcp');
  expect(request.signal).toBe(request.signal);
  expect(request.signal.aborted).toBe(false);
  expect(request.method).toBe('GET');
  expect(new ours.McpRequest('https://mcp.example/mcp').body).toBeNull();
});

test('a tool request throws for each member of the platform’s Request that it lacks', () => {
  const request = new ours.ToolRequest('https://mcp.example/mcp', { method: 'POST', headers: { a: 'b' } });
  const members = Object.getOwnPropertyNames(Request.prototype).filter((name) => name !== 'constructor');
  const present = members.filter((name) => Object.hasOwn(request, name) || ['headers', 'signal'].includes(name));
  expect(present.sort()).toEqual(['headers', 'method', 'signal', 'url']);
  const platform = ours.toPlatformRequest(request) as unknown as Record<string, unknown>;
  for (const name of members.filter((each) => !present.includes(each))) {
    expect(() => platform[name]).toThrow(`ctx.http.req has no ${name}`);
  }
});

test('the headers of a tool request have each member of the platform’s Headers', () => {
  const members = Object.getOwnPropertyNames(Headers.prototype);
  expect(members.filter((name) => !(name in ours.McpHeaders.prototype))).toEqual([]);
  expect(new ours.McpHeaders({ a: 'b' }).getSetCookie()).toEqual(new Headers({ a: 'b' }).getSetCookie());
});
