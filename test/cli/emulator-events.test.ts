import { consoleReport } from '../../cli/dev/emulator-console.ts';

/** Lines of the functions, as `holdfast dev` prints them. */

const metrics = { _aws: { Timestamp: 1 }, FunctionName: 'Mcp' };

type Console = ReturnType<typeof consoleReport>;

function printed(line: object | string, options?: { json: boolean }): string {
  const text = typeof line === 'string' ? line : JSON.stringify(line);
  return printedBy((report) => report.output('Holdfast-McpFunction1', text), options);
}

function printedBy(work: (report: Console) => void, { json = false } = {}): string {
  const written: string[] = [];
  const write = jest
    .spyOn(json ? process.stderr : process.stdout, 'write')
    .mockImplementation((text) => written.push(String(text)) > 0);
  try {
    work(consoleReport(json));
  } finally {
    write.mockRestore();
  }
  return written.join('');
}

const event = {
  event: 'audit_write_failed',
  requestId: 'r',
  session: 's',
  call: 'c1',
  cause: 'Error: busy',
  ...metrics,
};

test('an event is printed as sentences, without its metrics', () => {
  expect(printed({ ...event, audit_write_failed: 1 })).toBe('    Audit write failed. Call: c1. Cause: Error: busy.\n');
});

test('an event is printed as JSON with --json', () => {
  expect(printed(event, { json: true })).toBe(`    ${JSON.stringify(event)}\n`);
});

test.each([
  ['an event of measurements', { event: 'calls_aggregated', calls: 3, ...metrics }],
  ['metrics alone', metrics],
])('%s is not printed', (_, line) => {
  expect(printed(line)).toBe('');
});

test('an error of a tool is printed with its stack', () => {
  const stack = '    at save (src/notes.ts:12:7)\n    at src/notes.ts:3:1';
  expect(printed({ event: 'tool_failed', tool: 'note', errorClass: 'RangeError', message: 'full', stack })).toBe(
    '    Tool "note" failed: RangeError: full\n        at save (src/notes.ts:12:7)\n        at src/notes.ts:3:1\n',
  );
});

test.each(['plain text', '{"event":', '{"other":1}'])('a line of a tool is printed unchanged: %s', (line) => {
  expect(printed(line)).toBe(`    ${line}\n`);
});

const note = { method: 'tools/call', tool: 'note' };
const call = { ...note, user: 'ada', client: 'Claude Code 2.1', outcome: 'tool-error', milliseconds: 8 } as const;
const request = { requestId: 'r', method: 'POST', path: '/mcp', status: 200, durationMs: 9.6, call: note };

describe('a request', () => {
  test('whose call is logged has one line, with tool, user, client and outcome', () => {
    const lines = printedBy((report) => {
      report.call(call);
      report.request(request);
    });
    expect(lines).toBe('tools/call note (ada, Claude Code 2.1) tool-error 8 ms\n');
  });

  test('whose call is not logged has the HTTP request, with its method', () => {
    const other = { ...request, call: { method: 'tools/list' } };
    const lines = printedBy((report) => {
      report.call(call);
      report.request(other);
      report.request(request);
      report.request(request);
    });
    expect(lines.split('\n').slice(1)).toEqual([
      'POST    /mcp  tools/list  200  10 ms',
      'POST    /mcp  tools/call note  200  10 ms',
      '',
    ]);
  });

  test('that the client cancels has the HTTP request besides its call', () => {
    const lines = printedBy((report) => {
      report.call(call);
      report.request({ ...request, status: 0, error: 'the connection was closed' });
    });
    expect(lines).toContain('POST    /mcp  tools/call note  gone  10 ms  the connection was closed\n');
  });

  test('has its call as JSON with --json', () => {
    expect(printedBy((report) => report.call(call), { json: true })).toBe(
      `${JSON.stringify({ event: 'call_logged', ...call })}\n`,
    );
  });
});
