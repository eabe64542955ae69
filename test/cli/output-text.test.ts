import fc from 'fast-check';
import { withoutDashes } from '../../cli/dashed-ids.ts';
import { bar, sparkline } from '../../cli/output/bar-text.ts';
import { csvLine } from '../../cli/output/csv.ts';
import { brief, json, plain } from '../../cli/output/plain-text.ts';
import { TableText } from '../../cli/output/text-table.ts';
import { duration, moment, range } from '../../cli/output/time-text.ts';
import { settingsIn, unknownSettings } from '../../cli/target/deployed-settings.ts';

/** How the command line reads and writes. */

describe('CSV', () => {
  test('quotes what has commas, quotes and line ends, and ends each line with CR LF', () => {
    expect(csvLine(['a', 'b,c', 'd"e', 'f\ng', undefined, -32602, ''])).toBe('a,"b,c","d""e","f\ng",,-32602,\r\n');
  });

  test.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1'])('lets %j be no formula', (cell) => {
    const [first, second] = csvLine([cell]).replace(/^"/, '');
    expect([first, second]).toEqual(["'", cell[0]]);
  });

  test('can be read again', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' }), { minLength: 1 }), (cells) => {
        const written = csvLine(cells).slice(0, -2);
        const read = Array.from(`${written},`.matchAll(/("(?:[^"]|"")*"|[^",]*),/gs), ([, cell]) =>
          cell!.startsWith('"') ? cell!.slice(1, -1).replaceAll('""', '"') : cell!,
        );
        expect(read).toEqual(cells.map((cell) => (/^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell)));
      }),
    );
  });
});

describe('what strangers say of themselves', () => {
  test('moves no cursor, rings no bell and turns no line around', () => {
    expect(plain('a\x1b[2Jb\x07c\x9bd\u202ee\nf')).toBe('a�[2Jb�c�d�e�f');
  });

  test('is JSON that a terminal shows and does not obey', () => {
    const value = { name: 'a\x9b2J\x7f\x1b' };
    expect(json(value)).toBe('{"name":"a\\u009b2J\\u007f\\u001b"}');
    expect(JSON.parse(json(value))).toEqual(value);
  });

  test('is cut where it is long, by characters', () => {
    expect([brief('abcde', 5), brief('abcdef', 5), brief('😀😀😀', 2)]).toEqual(['abcde', 'abcd…', '😀…']);
  });
});

describe('a table', () => {
  test('is aligned, with its titles once, and grows from piece to piece', () => {
    const table = new TableText<[string, number]>([
      { title: 'NAME', text: ([name]) => name },
      { title: 'N', text: ([, number]) => String(number), right: true },
      { title: 'LAST', text: () => '' },
    ]);
    expect(table.lines([['a', 5]])).toBe('NAME  N  LAST\na     5\n');
    expect(table.lines([['longer', 10]])).toBe('longer  10\n');
    expect(table.lines([['b', 1]])).toBe('b        1\n');
  });
});

describe('a line of bars', () => {
  test('shows the highest highest, nothing as nothing, and little as little', () => {
    expect(sparkline([0, 1, 50, 100])).toBe(' ▁▄█');
    expect(sparkline([])).toBe('');
    expect(sparkline([0, 0])).toBe('  ');
  });

  test('puts neighbours together where there are too many', () => {
    expect(sparkline([1, 1, 0, 0, 2, 2], 3)).toBe('▄ █');
    expect([...sparkline(Array.from({ length: 200 }, () => 1))].length).toBeLessThanOrEqual(60);
  });

  test('is a share of the whole', () => {
    expect([bar(0, 10), bar(1, 1000), bar(5, 10), bar(10, 10, 4), bar(0, 0)]).toEqual([
      '',
      '█',
      '██████████',
      '████',
      '',
    ]);
  });
});

describe('a time', () => {
  const now = new Date(2026, 10, 25, 12, 30).getTime();

  test.each([
    ['30m', now - 30 * 60_000],
    ['24h', now - 24 * 3_600_000],
    ['7d', now - 7 * 86_400_000],
    ['2w', now - 14 * 86_400_000],
    ['2026-11-01', new Date(2026, 10, 1).getTime()],
    ['2026-11-01T09:30', new Date(2026, 10, 1, 9, 30).getTime()],
    ['2026-11-01 09:30:15', new Date(2026, 10, 1, 9, 30, 15).getTime()],
    ['2026-11-01T09:30Z', Date.UTC(2026, 10, 1, 9, 30)],
  ])('is understood as %s', (text, at) => {
    expect(moment('--since', text, now)).toBe(at);
  });

  test.each(['', 'yesterday', '7', '7y', '-1h', '2026-13-01', '2026-11-01T9:30', '01.11.2026'])('is not %j', (text) => {
    expect(() => moment('--since', text, now)).toThrow(/^--since is .*: write how long ago/);
  });

  test('has to be before another, and now is not over', () => {
    expect(range(undefined, undefined, now)).toEqual({ from: 0, to: now + 1 });
    expect(() => range('2026-11-02', '2026-11-01', now)).toThrow(
      '--since is 2026-11-02 00:00, which is not before 2026-11-01',
    );
    expect(() => range('2026-12-01', undefined, now)).toThrow('not before now');
  });

  test('passes in words', () => {
    expect([0.4, 12, 1500, 90_000, 7_260_000].map(duration)).toEqual(['0 ms', '12 ms', '1.5 s', '2 min', '2 h 1 min']);
  });
});

test('ids that begin with a dash are no options', () => {
  const id = `-${'a'.repeat(21)}`;
  const key = `--${'a'.repeat(41)}`;
  expect(withoutDashes(['sessions', 'show', id, '--local'])).toEqual(['sessions', 'show', '--local', '--', id]);
  expect(withoutDashes(['users', 'erase', key])).toEqual(['users', 'erase', '--', key]);
  expect(withoutDashes(['calls', 'list', '--session', id])).toEqual(['calls', 'list', '--session', id]);
  expect(withoutDashes(['users', 'erase', '--yes', key])).toEqual(['users', 'erase', '--yes', '--', key]);
  expect(withoutDashes(['calls', 'list', '--local'])).toEqual(['calls', 'list', '--local']);
});

describe('the settings of a deployment', () => {
  const template = (variables: object) =>
    JSON.stringify({
      Resources: {
        Bucket: { Type: 'AWS::S3::Bucket' },
        Function: { Type: 'AWS::Lambda::Function', Properties: { Environment: { Variables: variables } } },
      },
    });

  test('are in the environment of its functions', () => {
    const variables = { AUDIT_RETENTION_DAYS: '90', GRANT_IDLE_DAYS: '7', MCP_SESSION_TTL_HOURS: '1.5' };
    expect(settingsIn(template(variables))).toEqual({
      retentionDays: 90,
      grantIdleSeconds: 7 * 86_400,
      sessionTtlSeconds: 5400,
      isDirect: false,
    });
    expect(settingsIn(template({ DIRECT_ISSUER: 'https://idp.example' })).isDirect).toBe(true);
  });

  test('are guessed where the template does not say, or refers to something else', () => {
    expect(settingsIn(template({ AUDIT_RETENTION_DAYS: { Ref: 'Days' } }))).toEqual({
      ...unknownSettings,
      isDirect: false,
    });
  });
});
