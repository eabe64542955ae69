import { dashboardText } from './dashboard-text.ts';

const { units } = dashboardText;

/** The user's English locale, because the page is in English, or else British English for its 24-hour clock. */
const locale = navigator.languages.find((each) => each.startsWith('en')) ?? 'en-GB';

const integer = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
const decimal = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });
const compact = new Intl.NumberFormat(locale, { notation: 'compact', maximumFractionDigits: 1 });
const percent = new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 1 });

export const count = (n: number): string => integer.format(n);
/** For narrow elements. */
export const compactCount = (n: number): string => (n < 100_000 ? integer : compact).format(n);
export const percentage = (part: number, all: number): string => percent.format(all ? part / all : 0);

const signedPercent = new Intl.NumberFormat(locale, {
  style: 'percent',
  maximumFractionDigits: 0,
  signDisplay: 'exceptZero',
});
export const change = (now: number, before: number): string => signedPercent.format(now / before - 1);

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** @param ms the duration in milliseconds */
export function duration(ms: number | undefined): string {
  if (ms === undefined) return dashboardText.none;
  if (ms < 999.5) return units.milliseconds(integer.format(ms));
  if (ms < 59_950) return units.seconds(decimal.format(ms / 1000));
  if (ms < 59.5 * MINUTE) return units.minutes(integer.format(ms / MINUTE));
  if (ms < 2 * DAY) return units.hours(decimal.format(ms / HOUR));
  return units.days(integer.format(ms / DAY));
}

export function byteSize(bytes: number): string {
  if (bytes < 1000) return units.bytes(integer.format(bytes));
  if (bytes < 999_950) return units.kilobytes(decimal.format(bytes / 1000));
  return units.megabytes(decimal.format(bytes / 1_000_000));
}

const clock = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const;
const day = { day: 'numeric', month: 'short' } as const;
const formats = {
  clock: new Intl.DateTimeFormat(locale, { ...clock, second: '2-digit' }),
  dayClock: new Intl.DateTimeFormat(locale, { ...day, ...clock, second: '2-digit' }),
  yearClock: new Intl.DateTimeFormat(locale, { ...day, year: 'numeric', ...clock, second: '2-digit' }),
  minute: new Intl.DateTimeFormat(locale, clock),
  dayMinute: new Intl.DateTimeFormat(locale, { ...day, ...clock }),
  day: new Intl.DateTimeFormat(locale, { ...day, year: 'numeric' }),
  utcDay: new Intl.DateTimeFormat(locale, { ...day, timeZone: 'UTC' }),
};

export const date = (at: number): string => formats.day.format(at);

/** Date and time without seconds. */
export const dateAndMinute = (at: number): string => formats.dayMinute.format(at);

/** A time with its date unless it is today, and with its year unless it is the current one. */
export function time(at: number, now = Date.now()): string {
  const date = new Date(at);
  const today = new Date(now);
  if (date.toDateString() === today.toDateString()) return formats.clock.format(at);
  return (date.getFullYear() === today.getFullYear() ? formats.dayClock : formats.yearClock).format(at);
}

/** The UTC time, for the title of a local time. */
export const utc = (at: number): string => units.utc(new Date(at).toISOString().slice(0, 19).replace('T', ' '));

export const isDaily = (stepMilliseconds: number): boolean => stepMilliseconds >= DAY;

/** The label of a bar. A daily bar starts at midnight UTC, so its label is the date in UTC. */
export function barLabel(at: number, stepMilliseconds: number, spanMilliseconds: number): string {
  if (isDaily(stepMilliseconds)) return formats.utcDay.format(at);
  return (spanMilliseconds > DAY ? formats.dayMinute : formats.minute).format(at);
}

export function timeSpan(from: number, to: number): string {
  return units.timeSpan(time(from), time(to));
}

/** The value of `<input type="datetime-local">`, which is in the local time zone. */
export function datetimeLocal(at: number): string {
  return new Date(at - new Date(at).getTimezoneOffset() * MINUTE).toISOString().slice(0, 16);
}

/** The ids that the page has shown in short. */
export const idsShown = new Map<string, string>();

/** The first characters of an id, which distinguish the ids on one screen. */
export function shortId(id: string): string {
  if (id.length <= 10) return id;
  const short = `${id.slice(0, 8)}…`;
  idsShown.set(short, id);
  return short;
}
