import { systemClock } from '../../lambda/adapters/system-clock.ts';
import { epochSeconds } from '../../lambda/core/support/clock.ts';
import { printableJson, singleLine } from '../../lambda/core/support/untrusted-text.ts';
import { UsageError } from '../command-errors.ts';
import type { ImportCommandOptions } from '../commands/parsed-options.ts';
import { progressLine } from '../output/terminal.ts';
import { openImportTarget } from './import-target.ts';
import { importSessions, type Tally } from './session-import.ts';
import { fileSessions, postgresSessions, redisSessions, type SessionSource } from './session-sources.ts';

/** Imports sessions and prints the tally. The exit code is 2 when malformed sessions were omitted. */
export async function runImport(options: ImportCommandOptions): Promise<void> {
  const { map, userField, dataFields, ttlHours, dryRun = false, json = false } = options;
  const source = sourceOf(options);
  const { target, issuer } = await openImportTarget(options);
  const progress = progressLine();
  try {
    const tally = await importSessions(source, {
      places: { ...map, ...(userField !== undefined && { user: userField }) },
      dataFields,
      ttlSeconds: ttlHours * 3600,
      issuer,
      target,
      now: () => epochSeconds(systemClock),
      progress: ({ read, imported, alreadyThere }) =>
        progress.show(`${read} read, ${imported} imported, ${alreadyThere} already imported`),
    });
    progress.clear();
    process.stdout.write(`${json ? printableJson({ dryRun, ...tally }) : tallyText(tally, dryRun)}\n`);
    if (tally.malformed > 0) process.exitCode = 2;
  } finally {
    progress.clear();
  }
}

function sourceOf({ redis, match, postgres, fromTable, file }: ImportCommandOptions): SessionSource {
  if (redis !== undefined) return redisSessions(redis, match);
  if (postgres !== undefined) return postgresSessions(postgres, fromTable);
  if (file !== undefined) return fileSessions(file);
  throw new UsageError('No import source; pass one of --redis, --postgres and --file (--help has examples)');
}

function tallyText({ examples, fields, ...tally }: Tally, dryRun: boolean): string {
  const rows: [name: string, count: number, reasons: string[]][] = [
    ['sessions read', tally.read, []],
    [dryRun ? '  to import' : '  imported', tally.imported, []],
    ['  already imported', tally.alreadyThere, []],
    ['  expired', tally.expired, []],
    ['  without user', tally.withoutUser, []],
    ['  malformed', tally.malformed, examples.malformed],
    [dryRun ? 'data fields to import' : 'data fields imported', fields.imported, []],
    ['  omitted', fields.leftOut, examples.leftOut],
  ];
  return rows
    .flatMap(([name, count, reasons]) => [
      `${name.padEnd(30)}${String(count).padStart(9)}`,
      ...reasons.map((reason) => `      ${singleLine(reason)}`),
    ])
    .join('\n');
}
