import { UsageError } from '../usage-error.ts';

/** Points in time as an owner writes and reads them. Everywhere else they are epoch milliseconds. */

const units = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 };

/**
 * A time before now, or a day or a moment of the local calendar.
 *
 * @throws Misuse for anything else
 */
export function moment(option: string, text: string, now: number): number {
  const ago = /^(?<count>\d{1,6})(?<unit>[mhdw])$/.exec(text)?.groups;
  if (ago) return Math.max(0, now - Number(ago.count) * units[ago.unit as keyof typeof units]);
  const written = /^(?<day>\d{4}-\d{2}-\d{2})(?<time>[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?)?$/.exec(
    text,
  );
  // Without a time, JavaScript would take the day for one of UTC.
  const at = written
    ? Date.parse(`${written.groups!.day}${written.groups!.time ?? 'T00:00'}`.replace(' ', 'T'))
    : Number.NaN;
  if (!(at >= 0)) {
    throw new UsageError(
      `${option} is ${JSON.stringify(text)}: write how long ago, such as 30m, 24h, 7d or 2w, or when, such as 2026-11-01 or 2026-11-01T09:30`,
    );
  }
  return at;
}

/** @throws Misuse when no time is left between them */
export function range(since: string | undefined, until: string | undefined, now: number) {
  const to = until === undefined ? now + 1 : moment('--until', until, now);
  const from = since === undefined ? 0 : moment('--since', since, now);
  if (from >= to) {
    throw new UsageError(
      `--since is ${shortTime(from)}, which is not before ${until === undefined ? 'now' : shortTime(to)}`,
    );
  }
  return { from, to };
}

const two = (number: number) => String(number).padStart(2, '0');

export function shortDay(at: number): string {
  const date = new Date(at);
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

export function clock(at: number): string {
  const date = new Date(at);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':');
}

/** To the minute. */
export const shortTime = (at: number): string => `${shortDay(at)} ${clock(at).slice(0, 5)}`;

/** To the second. */
export const exactTime = (at: number): string => `${shortDay(at)} ${clock(at)}`;

export function duration(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 60_000) return `${(milliseconds / 1000).toFixed(1)} s`;
  const minutes = Math.round(milliseconds / 60_000);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
