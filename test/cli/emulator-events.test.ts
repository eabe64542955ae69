import { consoleReport } from '../../cli/dev/emulator-console.ts';

/** Lines of the functions, as `holdfast dev` prints them. */

const metrics = { _aws: { Timestamp: 1 }, FunctionName: 'Mcp' };

function printed(line: object | string, { json = false } = {}): string {
  const written: string[] = [];
  const write = jest
    .spyOn(json ? process.stderr : process.stdout, 'write')
    .mockImplementation((text) => written.push(String(text)) > 0);
  try {
    consoleReport(json).output('Holdfast-McpFunction1', typeof line === 'string' ? line : JSON.stringify(line));
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
