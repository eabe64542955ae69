import { date, dateAndMinute, time, utc } from '../format.ts';

const formats = { second: time, minute: dateAndMinute, day: date };

/** @param precision of the visible text; the title has the second, in UTC */
export const Timestamp = ({ at, precision = 'second' }: { at: number; precision?: keyof typeof formats }) => (
  <time class="nowrap" dateTime={new Date(at).toISOString()} title={utc(at)}>
    {formats[precision](at)}
  </time>
);
