import type { CallRow } from '../../lambda/core/dashboard/dashboard-api.ts';
import { csvLine } from './csv.ts';
import { json } from './plain-text.ts';

export const formats = ['csv', 'jsonl'] as const;
export type Format = (typeof formats)[number];

/** As the columns stand, with what each holds. Times are UTC, so that the file means the same everywhere. */
const columns: [string, (call: CallRow) => string | number | undefined][] = [
  ['at', ({ at }) => new Date(at).toISOString()],
  ['id', ({ id }) => id],
  ['user', ({ user }) => user],
  ['userName', ({ userName }) => userName],
  ['client', ({ client }) => client],
  ['clientName', ({ clientName }) => clientName],
  ['clientVersion', ({ clientVersion }) => clientVersion],
  ['grant', ({ grant }) => grant],
  ['session', ({ session }) => session],
  ['era', ({ era }) => era],
  ['protocolVersion', ({ protocolVersion }) => protocolVersion],
  ['method', ({ method }) => method],
  ['tool', ({ tool }) => tool],
  ['outcome', ({ outcome }) => outcome],
  ['errorCode', ({ errorCode }) => errorCode],
  ['message', ({ message }) => message],
  ['milliseconds', ({ milliseconds }) => milliseconds],
  ['bytesIn', ({ bytesIn }) => bytesIn],
  ['bytesOut', ({ bytesOut }) => bytesOut],
  ['traceId', ({ traceId }) => traceId],
  ['arguments', (call) => call.arguments],
];

/** What stands before the first call. */
export const head = (format: Format): string => (format === 'csv' ? csvLine(columns.map(([name]) => name)) : '');

export const exported = (format: Format, calls: readonly CallRow[]): string =>
  calls.map((call) => (format === 'csv' ? csvLine(columns.map(([, cell]) => cell(call))) : `${json(call)}\n`)).join('');
