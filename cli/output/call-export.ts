import type { CallRow } from '../../lambda/core/dashboard/dashboard-api.ts';
import { printableJson, singleLine, withoutFormula } from '../../lambda/core/support/untrusted-text.ts';
import type { ExportFormat } from '../commands/parsed-options.ts';

type Cell = string | number | undefined;

/** The columns in order. Times are UTC, so that a file means the same in every time zone. */
const columns: [string, (call: CallRow) => Cell][] = [
  ['at', ({ at }) => new Date(at).toISOString()],
  ['id', ({ id }) => id],
  ['user', ({ user }) => user],
  ['userName', ({ userName }) => userName],
  ['client', ({ client }) => client],
  ['clientLabel', ({ clientLabel }) => clientLabel],
  ['clientName', ({ clientName }) => clientName],
  ['clientVersion', ({ clientVersion }) => clientVersion],
  ['grant', ({ grant }) => grant],
  ['session', ({ session }) => session],
  ['era', ({ era }) => era],
  ['protocolVersion', ({ protocolVersion }) => protocolVersion],
  ['method', ({ method }) => method],
  ['tool', ({ tool }) => tool],
  ['target', ({ target }) => target],
  ['outcome', ({ outcome }) => outcome],
  ['errorCode', ({ errorCode }) => errorCode],
  ['message', ({ message }) => message],
  ['errorClass', ({ errorClass }) => errorClass],
  ['errorMessage', ({ errorMessage }) => errorMessage],
  ['errorFingerprint', ({ errorFingerprint }) => errorFingerprint],
  ['errorPlace', ({ errorPlace }) => errorPlace],
  ['milliseconds', ({ milliseconds }) => milliseconds],
  ['bytesIn', ({ bytesIn }) => bytesIn],
  ['bytesOut', ({ bytesOut }) => bytesOut],
  ['traceId', ({ traceId }) => traceId],
  ['arguments', (call) => call.arguments],
];

/** The header line of CSV; empty for JSON Lines. */
export const exportHeader = (format: ExportFormat): string =>
  format === 'csv' ? csvLine(columns.map(([name]) => name)) : '';

export const exportedCalls = (format: ExportFormat, calls: readonly CallRow[]): string =>
  calls
    .map((call) => (format === 'csv' ? csvLine(columns.map(([, cell]) => cell(call))) : `${printableJson(call)}\n`))
    .join('');

/**
 * A line of comma-separated values (RFC 4180). Clients choose their names, so no string becomes a formula, a control of a
 * terminal or a second line.
 */
export const csvLine = (cells: readonly Cell[]): string => `${cells.map(csvCell).join(',')}\r\n`;

function csvCell(cell: Cell): string {
  if (cell === undefined) return '';
  if (typeof cell === 'number') return String(cell);
  const text = singleLine(withoutFormula(cell));
  return /[",;]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
