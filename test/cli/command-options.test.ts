import { contextArgument, idsAfterSeparator, parseLimit, parseTime } from '../../cli/commands/command-options.ts';
import { timeRange } from '../../cli/target/call-selection.ts';

describe('parseTime', () => {
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
  ])('reads %s', (text, at) => {
    expect(parseTime(text, now)).toBe(at);
  });

  test.each(['', 'yesterday', '7', '7y', '-1h', '2026-13-01', '2026-11-01T9:30', '01.11.2026'])(
    'rejects %j with the accepted formats',
    (text) => {
      expect(() => parseTime(text, now)).toThrow(/^Pass a duration before now/);
    },
  );
});

test('timeRange includes the current millisecond by default and rejects an empty range', () => {
  const now = new Date(2026, 10, 25, 12, 30).getTime();
  const [first, second, later] = [1, 2, 31].map((day) => new Date(2026, 10, day).getTime());
  expect(timeRange({}, now)).toEqual({ from: 0, to: now + 1 });
  expect(() => timeRange({ since: second, until: first }, now)).toThrow(
    '--since 2026-11-02 00:00 is not before 2026-11-01',
  );
  expect(() => timeRange({ since: later }, now)).toThrow('not before now');
});

test.each(['0', '-1', '1.5', 'many', ''])('parseLimit rejects %j', (text) => {
  expect(() => parseLimit(text)).toThrow(/^Pass a positive integer/);
});

test('contextArgument adds a setting, whose value may be empty or contain an equals sign', () => {
  const first = contextArgument('clientDocuments=off');
  expect(first).toEqual({ clientDocuments: 'off' });
  expect(contextArgument('idpParameters=a=1&b=2', first)).toEqual({ clientDocuments: 'off', idpParameters: 'a=1&b=2' });
  expect(contextArgument('clientDocuments=', first)).toEqual({ clientDocuments: '' });
});

test.each(['clientDocuments', '=off', ''])('contextArgument rejects %j with an example', (text) => {
  expect(() => contextArgument(text)).toThrow('such as clientDocuments=off');
});

test('idsAfterSeparator moves ids that begin with a dash behind the separator, except values of options', () => {
  const id = `-${'a'.repeat(21)}`;
  const key = `--${'a'.repeat(41)}`;
  expect(idsAfterSeparator(['sessions', 'show', id, '--local'])).toEqual(['sessions', 'show', '--local', '--', id]);
  expect(idsAfterSeparator(['users', 'erase', key])).toEqual(['users', 'erase', '--', key]);
  expect(idsAfterSeparator(['calls', 'list', '--session', id])).toEqual(['calls', 'list', '--session', id]);
  expect(idsAfterSeparator(['users', 'erase', '--yes', key])).toEqual(['users', 'erase', '--yes', '--', key]);
  expect(idsAfterSeparator(['calls', 'list', '--local'])).toEqual(['calls', 'list', '--local']);
});
