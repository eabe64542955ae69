import fc from 'fast-check';
import { csvLine, exportedCalls, exportHeader } from '../../cli/output/call-export.ts';
import { callColumns } from '../../cli/output/list-columns.ts';
import { shareBar, sparkline } from '../../cli/output/metrics-text.ts';
import { brief, TextTable } from '../../cli/output/text-table.ts';
import { duration } from '../../cli/output/time-text.ts';
import { printableJson, singleLine, withoutFormula } from '../../lambda/core/support/untrusted-text.ts';
import { anyString } from '../support/any-string.ts';
import { toolCall } from '../support/tool-call-builder.ts';

describe('csvLine', () => {
  test('quotes cells with commas and quotes, replaces line ends, and ends the line with CR LF', () => {
    expect(csvLine(['a', 'b,c', 'd"e', 'f\ng', undefined, -32602, ''])).toBe('a,"b,c","d""e",f\ufffdg,,-32602,\r\n');
  });

  test.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', '\n=1', '＝1', ' =1'])(
    'prefixes %j so that it is not a formula',
    (cell) => {
      const [first, second] = csvLine([cell]).replace(/^"/, '');
      expect([first, second]).toEqual(["'", singleLine(cell)[0]]);
    },
  );

  test('writes lines that a CSV reader parses back', () => {
    fc.assert(
      fc.property(fc.array(anyString(), { minLength: 1 }), (cells) => {
        const written = csvLine(cells).slice(0, -2);
        const read = Array.from(`${written},`.matchAll(/("(?:[^"]|"")*"|[^",]*),/gs), ([, cell]) =>
          cell!.startsWith('"') ? cell!.slice(1, -1).replaceAll('""', '"') : cell!,
        );
        expect(read).toEqual(cells.map((cell) => singleLine(withoutFormula(cell))));
      }),
    );
  });
});

describe('text that clients chose', () => {
  test('is one line without control and bidirectional characters on a terminal', () => {
    expect(singleLine('a\x1b[2Jb\x07c\x9bd\u202ee\nf')).toBe('a�[2Jb�c�d�e�f');
  });

  test('has escapes for control characters in JSON', () => {
    const value = { name: 'a\x9b2J\x7f\x1b' };
    expect(printableJson(value)).toBe('{"name":"a\\u009b2J\\u007f\\u001b"}');
    expect(JSON.parse(printableJson(value))).toEqual(value);
  });

  test('is shortened by characters in a cell', () => {
    expect([brief('abcde', 5), brief('abcdef', 5), brief('😀😀😀', 2)]).toEqual(['abcde', 'abcd…', '😀…']);
  });
});

describe('TextTable', () => {
  test('aligns columns, prints the titles once, and widens columns from page to page', () => {
    const table = new TextTable<[string, number]>([
      { title: 'NAME', text: ([name]) => name },
      { title: 'N', text: ([, number]) => String(number), right: true },
      { title: 'LAST', text: () => '' },
    ]);
    expect(table.lines([['a', 5]])).toBe('NAME  N  LAST\na     5\n');
    expect(table.lines([['longer', 10]])).toBe('longer  10\n');
    expect(table.lines([['b', 1]])).toBe('b        1\n');
  });
});

describe('sparkline', () => {
  test('gives the largest number the full height and only 0 none', () => {
    expect(sparkline([0, 1, 50, 100])).toBe(' ▁▄█');
    expect(sparkline([])).toBe('');
    expect(sparkline([0, 0])).toBe('  ');
  });

  test('adds up neighbours of a series that is too long', () => {
    expect(sparkline([1, 1, 0, 0, 2, 2], 3)).toBe('▄ █');
    expect([...sparkline(Array.from({ length: 200 }, () => 1))].length).toBeLessThanOrEqual(60);
  });
});

test('shareBar draws a share of the whole', () => {
  expect([shareBar(0, 10), shareBar(1, 1000), shareBar(5, 10), shareBar(10, 10, 4), shareBar(0, 0)]).toEqual([
    '',
    '█',
    '██████████',
    '████',
    '',
  ]);
});

test('duration shows milliseconds, seconds, minutes or hours', () => {
  expect([0.4, 12, 1500, 90_000, 7_260_000].map(duration)).toEqual(['0 ms', '12 ms', '1.5 s', '2 min', '2 h 1 min']);
});

test('prompts and resources are named in lists and exports of calls', () => {
  const call = toolCall({ id: 'call', at: 0, tool: undefined, method: 'resources/read', target: 'notes://diary' });
  const row = { ...call, clientLabel: 'Codex' };
  expect(new TextTable(callColumns).lines([row])).toContain('resources/read notes://diary');
  const [names, values] = [exportHeader('csv'), exportedCalls('csv', [row])].map((line) => line.trim().split(','));
  expect(values![names!.indexOf('target')]).toBe('notes://diary');
});
