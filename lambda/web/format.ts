import { dashboardText } from './dashboard-text.ts';

const { units } = dashboardText;

/** The page is in English, so are its dates; whoever reads it in another language gets the 24 hours of the day. */
const locale = navigator.languages.find((each) => each.startsWith('en')) ?? 'en-GB';

const whole = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });
const compact = new Intl.NumberFormat(locale, { notation: 'compact', maximumFractionDigits: 1 });
const percent = new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 1 });

export const count = (n: number): string => whole.format(n);
/** Where there is little room. */
export const briefCount = (n: number): string => (n < 100_000 ? whole : compact).format(n);
export const share = (part: number, all: number): string => percent.format(all ? part / all : 0);

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** @param ms milliseconds */
export function duration(ms: number | undefined): string {
  if (ms === undefined) return dashboardText.none;
  if (ms < 999.5) return units.milliseconds(whole.format(ms));
  if (ms < 59_950) return units.seconds(short.format(ms / 1000));
  if (ms < 59.5 * MINUTE) return units.minutes(whole.format(ms / MINUTE));
  if (ms < 2 * DAY) return units.hours(short.format(ms / HOUR));
  return units.days(whole.format(ms / DAY));
}

export function size(bytes: number): string {
  if (bytes < 1000) return units.bytes(whole.format(bytes));
  if (bytes < 999_950) return units.kilobytes(short.format(bytes / 1000));
  return units.megabytes(short.format(bytes / 1_000_000));
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

/** A day and its time, where seconds say nothing. */
export const minute = (at: number): string => formats.dayMinute.format(at);

/** As short as it is clear: today without the date, this year without the year. */
export function moment(at: number, now = Date.now()): string {
  const date = new Date(at);
  const today = new Date(now);
  if (date.toDateString() === today.toDateString()) return formats.clock.format(at);
  return (date.getFullYear() === today.getFullYear() ? formats.dayClock : formats.yearClock).format(at);
}

/** For the title beside a local time. */
export const utc = (at: number): string => units.utc(new Date(at).toISOString().slice(0, 19).replace('T', ' '));

export const isDays = (stepMilliseconds: number): boolean => stepMilliseconds >= DAY;

/** Beneath a bar. A day's bar begins at midnight UTC, which is another day in half of the world. */
export function barLabel(at: number, stepMilliseconds: number, spanMilliseconds: number): string {
  if (isDays(stepMilliseconds)) return formats.utcDay.format(at);
  return (spanMilliseconds > DAY ? formats.dayMinute : formats.minute).format(at);
}

export function span(from: number, to: number): string {
  return units.span(moment(from), moment(to));
}

/** For `<input type="datetime-local">`, which knows no time zone: the reader's. */
export function localInput(at: number): string {
  return new Date(at - new Date(at).getTimezoneOffset() * MINUTE).toISOString().slice(0, 16);
}

/** The first characters of an id: enough to tell apart what is on one screen. */
export const brief = (id: string): string => (id.length > 10 ? `${id.slice(0, 8)}…` : id);
