import { reportError, UsageError } from '../../cli/command-errors.ts';
import { consoleReport } from '../../cli/dev/emulator-console.ts';
import { quoted, summaryOf } from '../../cli/doctor/finding.ts';
import { exportedCalls, exportHeader } from '../../cli/output/call-export.ts';
import {
  callColumns,
  grantColumns,
  sessionCallColumns,
  sessionColumns,
  userColumns,
} from '../../cli/output/list-columns.ts';
import { notify, report } from '../../cli/output/terminal.ts';
import { type Column, TextTable } from '../../cli/output/text-table.ts';
import { grantLabel } from '../../cli/target/grant-selection.ts';
import { quotedUser } from '../../cli/target/user-selection.ts';
import { ServiceUnavailableError } from '../../lambda/core/support/service-unavailable-error.ts';
import {
  hasHostileCharacter,
  hasStackedMarks,
  hostileCharacters,
  markedLetter,
} from '../support/hostile-characters.ts';
import { toolCall } from '../support/tool-call-builder.ts';

/** Text that strangers chose, with every control and format character, at each place of the command line that prints it. */

const hostile = [...hostileCharacters.map((character) => `a${character}b`), markedLetter];

/** The outputs in which a hostile text changes more than its own characters. `lines` counts the line ends. */
const broken = (outputs: string[], lines: number) =>
  outputs.filter((output) => {
    const ends = output.split('\n').length - 1;
    return ends !== lines || hasHostileCharacter(output.replaceAll('\n', '')) || hasStackedMarks(output);
  });

const everyMember = (text: string) => ({
  ...toolCall({ id: text, at: 1_800_000_000_000 }),
  ...{ user: text, userName: text, client: text, clientName: text, clientVersion: text, clientLabel: text },
  ...{ grant: text, session: text, protocolVersion: text, method: text, tool: text, message: text, traceId: text },
  ...{ target: text, arguments: text, scopes: [text] },
});

test.each([
  ['CSV', 'csv', '\r\n'],
  ['JSON Lines', 'jsonl', '\n'],
] as const)('an export as %s has no control, format or stacked character', (_, format, end) => {
  const lines = hostile.map((text) => {
    const line = exportedCalls(format, [everyMember(text)]);
    expect(line.endsWith(end)).toBe(true);
    return line.slice(0, -end.length);
  });
  expect(broken(lines, 0)).toEqual([]);
  expect(exportHeader('csv')).toMatch(/\r\n$/);
});

test.each([
  ['calls', callColumns],
  ['calls of a session', sessionCallColumns],
  ['sessions', sessionColumns],
  ['grants', grantColumns],
  ['users', userColumns(true)],
] as [string, Column<object>[]][])('a table of %s has no control, format or stacked character', (_, columns) => {
  const session = { id: 'x', firstCallAt: 1, lastCallAt: 1, calls: 1, errors: 0, isPartial: false, ended: 'revoked' };
  const grant = {
    status: 'active',
    kind: 'person',
    createdAt: 1,
    renewedAt: 1,
    endsAt: 1,
    firstSignInAt: 1,
    lastSignInAt: 1,
  };
  const outputs = hostile.map((text) =>
    new TextTable(columns).lines([{ ...session, ...grant, ...everyMember(text), id: text }]),
  );
  expect(broken(outputs, 2)).toEqual([]);
});

describe('on standard error and standard output', () => {
  let written: string[];
  beforeEach(() => {
    written = [];
    const write = (text: string | Uint8Array) => written.push(String(text)) > 0;
    jest.spyOn(process.stdout, 'write').mockImplementation(write);
    jest.spyOn(process.stderr, 'write').mockImplementation(write);
  });
  afterEach(() => jest.restoreAllMocks());

  test('a message has no control, format or stacked character', () => {
    for (const text of hostile) {
      notify(text);
      report(text, true);
      report(text, false);
    }
    expect(written.length).toBe(3 * hostile.length);
    expect(broken(written, 1)).toEqual([]);
  });

  test('an error has no control, format or stacked character except its line ends', () => {
    const errors = (text: string) => [new UsageError(text), new ServiceUnavailableError('It', new Error(text)), text];
    for (const text of hostile) for (const error of errors(text)) reportError(error, undefined);
    expect(written.length).toBe(3 * hostile.length);
    expect(written.filter((text) => hasHostileCharacter(text.replaceAll('\n', '')) || hasStackedMarks(text))).toEqual(
      [],
    );
  });

  test('a request to the emulator is one line', () => {
    const { request } = consoleReport(false);
    for (const text of hostile)
      request({ method: 'GET', path: text, status: 200, durationMs: 1, error: text } as never);
    expect(broken(written, 1)).toEqual([]);
  });

  test('an event in the emulator is one line', () => {
    const { output } = consoleReport(false);
    for (const text of hostile) output('Holdfast-McpFunction1', JSON.stringify({ event: 'e', cause: text }));
    expect(written).toHaveLength(hostile.length);
    expect(broken(written, 1)).toEqual([]);
  });

  test('a client document that fails in the emulator has no control, format or stacked character', () => {
    const { output } = consoleReport(false);
    for (const text of hostile) {
      const event = { event: 'client_document_failed', url: text, host: text, fault: 'rejected', reason: text };
      output('Holdfast-OAuthFunction1', JSON.stringify(event));
    }
    expect(written).toHaveLength(hostile.length);
    expect(broken(written, 1)).toEqual([]);
  });
});

test.each([
  ['unreachable', 'the name of its host is unknown (ENOTFOUND)', '\n    Without access to the internet, start with: '],
  ['rejected', 'its host answered 404', ''],
])(
  'the emulator prints in words that a client document is %s, with client, host and reason',
  (fault, reason, offer) => {
    const written: string[] = [];
    const write = jest.spyOn(process.stdout, 'write').mockImplementation((text) => written.push(String(text)) > 0);
    const url = 'https://nowhere.example/c.json';
    const event = { event: 'client_document_failed', requestId: 'r', url, host: 'nowhere.example', fault, reason };
    consoleReport(false).output('Holdfast-OAuthFunction1', JSON.stringify(event));
    write.mockRestore();
    const failure = `    Client "${url}" cannot connect. Its document at nowhere.example: ${reason}.`;
    expect(written).toEqual([`${failure}${offer && `${offer}npm start -- -c clientDocuments=off`}\n`]);
  },
);

test('a sentence quotes the names of clients and users, with at most 40 characters', () => {
  const sentence = 'Claude”, the client of the owner. It was approved by everyone here';
  const label = grantLabel({ id: 'g', user: 'ada', userName: 'Ada\u202e', client: 'dcr_1', clientName: sentence });
  expect(label).toBe("“Claude', the client of the owner. It wa…” (dcr_1) of “Ada”, grant g");
  expect(quotedUser({ user: '0123456789abcdef' })).toBe('0123456789ab');
});

test('a finding quotes a value of a server without control and format characters', () => {
  const response = { method: 'GET', url: 'https://a.example', status: 200, headers: {}, isPartial: false };
  const summary = (body: string) => summaryOf({ ...response, body, milliseconds: 1, receivedAt: 1 });
  const outputs = hostile.flatMap((text) => [quoted(text), quoted({ [text]: [text] }), summary(text)]);
  expect(broken(outputs, 0)).toEqual([]);
});
