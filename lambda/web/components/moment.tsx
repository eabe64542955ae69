import { date, minute, moment, utc } from '../format.ts';

const forms = { second: moment, minute, day: date };

/** @param to how closely it is told; the title has the second */
export const Moment = ({ at, to = 'second' }: { at: number; to?: keyof typeof forms }) => (
  <time class="nowrap" dateTime={new Date(at).toISOString()} title={utc(at)}>
    {forms[to](at)}
  </time>
);
