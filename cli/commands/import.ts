#!/usr/bin/env node
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ConfigurationError } from '../../lib/settings/configuration-error.ts';
import { DataFolder } from '../../local/data-folder.ts';
import { parts, type SessionPart } from '../import/exported-session.ts';
import { openTarget } from '../import/import-target.ts';
import { type ImportTarget, importSessions, nowhere, type Tally } from '../import/session-import.ts';
import { fileSessions, postgresSessions, redisSessions, type Source } from '../import/session-sources.ts';

const usage = `Has the sessions of another MCP server go on here: npm run import-sessions -- <from> <to> [options]

Each live session waits under its user until that user signs in and a client comes with its id. Its data is then in the
user's state, under imported/<session id>/<field>. Run it when the other server has stopped; it can be run again.

From one of
  --redis URL            a hash or a JSON text for each session; its password may be in REDISCLI_AUTH
    --match PATTERN      their keys (mcp:session:*); what * stands for is the id
  --postgres URL         a row for each session, of Supabase too; its password may be in PGPASSWORD
    --from-table NAME    the table or view (mcp_sessions)
  --file PATH            a JSON object for each session, one a line

To one of
  --table NAME           the DynamoDB table of a deployment, with the credentials and the region that the AWS CLI finds
  --local                the cloud that npm start runs, on the data folder HOLDFAST_DATA (.holdfast)

Options
  --issuer URL           the issuer of the users as their tokens name it (iss); known for the users of --local
  --user-field NAME      where a session has its user's subject (sub) at that issuer; same as --map user=NAME
  --map PART=NAME        where it has something else: a field, or a path such as auth.sub into its JSON. Repeatable.
                         Parts: ${parts.join(', ').replace(/(.{60,}?), /g, '$1,\n                         ')}
  --data-fields A,B      take only these of its data; by default all that are not named like a credential
  --ttl-hours N          how long a session lives after its last use where nothing says when it ends (24)
  --dry-run              read everything, write nothing
  --json                 print one JSON object at the end, and everything else on stderr
  --help                 print this

Exit code: 0 when all is done, 2 when it is but malformed sessions were left out, 1 when it did not get through.

  npm run import-sessions -- --redis redis://127.0.0.1:6379 --local --dry-run
  npm run import-sessions -- --postgres postgres://me@db.example.com/app --table "$TABLE" \\
    --issuer https://login.example.com --user-field auth_user_id
`;

const root = fileURLToPath(new URL('../..', import.meta.url));

const options = {
  redis: { type: 'string' },
  match: { type: 'string' },
  postgres: { type: 'string' },
  'from-table': { type: 'string' },
  file: { type: 'string' },
  table: { type: 'string' },
  local: { type: 'boolean' },
  issuer: { type: 'string' },
  'user-field': { type: 'string' },
  map: { type: 'string', multiple: true },
  'data-fields': { type: 'string' },
  'ttl-hours': { type: 'string' },
  'dry-run': { type: 'boolean' },
  json: { type: 'boolean' },
  help: { type: 'boolean' },
} as const;

type Values = ReturnType<typeof parseArgs<{ options: typeof options }>>['values'];

/** @throws Mistake for an option that is not one */
function readOptions(): Values {
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    throw new ConfigurationError(`${(error as Error).message}\n\n${usage}`, { cause: error });
  }
}

function sourceOf(values: Values): Source {
  const { redis, match = 'mcp:session:*', postgres, 'from-table': fromTable = 'mcp_sessions', file } = values;
  if ([redis, postgres, file].filter((each) => each !== undefined).length !== 1) {
    throw new ConfigurationError(
      'Say where the sessions are: one of --redis, --postgres and --file (--help has examples)',
    );
  }
  if (redis !== undefined) return redisSessions(redis, match);
  return postgres !== undefined ? postgresSessions(postgres, fromTable) : fileSessions(file!);
}

/** Where to, and whose users they are. */
async function targetOf(values: Values): Promise<{ target: ImportTarget; issuer: string }> {
  const { table, local = false, issuer, 'dry-run': dry = false } = values;
  if ((table !== undefined) === local) {
    throw new ConfigurationError(
      'Say where to import them: --table NAME of a deployment, or --local (--help has examples)',
    );
  }
  if (issuer !== undefined && !URL.canParse(issuer)) {
    throw new ConfigurationError(
      `--issuer is ${JSON.stringify(issuer)}: write a URL, exactly as the tokens of the users have it`,
    );
  }
  if (table !== undefined) {
    if (issuer === undefined)
      throw new ConfigurationError('Say whose users they are: --issuer URL, as their tokens name it (iss)');
    return { target: dry ? nowhere : await openTarget(table), issuer };
  }
  const folder = process.env.HOLDFAST_DATA ? resolve(process.env.HOLDFAST_DATA) : resolve(root, '.holdfast');
  const access = DataFolder.operatorAccessTo(folder);
  const users = issuer ?? access.issuer;
  if (users === undefined)
    throw new ConfigurationError('The users are at an identity provider of your own: name it with --issuer');
  const { endpoint, accessKeyId } = access.dynamoDb;
  const credentials = { accessKeyId, secretAccessKey: 'local' };
  const open = () => openTarget(access.table, { endpoint, credentials, region: 'us-east-1' });
  return { target: dry ? nowhere : await open(), issuer: users };
}

function readingOf(values: Values): {
  places: Partial<Record<SessionPart, string>>;
  dataFields?: string[];
  ttlSeconds: number;
} {
  const { map = [], 'user-field': userField, 'data-fields': dataFields, 'ttl-hours': ttlHours = '24' } = values;
  const pairs = [...map, ...(userField === undefined ? [] : [`user=${userField}`])].map((pair) => {
    const [part = '', ...rest] = pair.split('=');
    const place = rest.join('=');
    if (place === '' || !parts.includes(part as SessionPart)) {
      throw new ConfigurationError(`--map ${pair}: write PART=NAME, with one of ${parts.join(', ')}`);
    }
    return [part, place];
  });
  const ttlSeconds = Number(ttlHours) * 3600;
  if (!(ttlSeconds > 0))
    throw new ConfigurationError(`--ttl-hours is ${JSON.stringify(ttlHours)}: write a number above 0`);
  return {
    places: Object.fromEntries(pairs),
    ...(dataFields !== undefined && { dataFields: dataFields.split(',').map((field) => field.trim()) }),
    ttlSeconds,
  };
}

/** A line that the next one replaces, where there is a terminal to do so. */
function progressLine(): { show(tally: Tally): void; clear(): void } {
  const out = process.stderr;
  let shownAt = 0;
  return {
    show({ read, imported, alreadyThere }) {
      if (!out.isTTY || Date.now() - shownAt < 200) return;
      shownAt = Date.now();
      out.write(`\r\x1b[K${read} read, ${imported} imported, ${alreadyThere} already there …`);
    },
    clear: () => void (out.isTTY && out.write('\r\x1b[K')),
  };
}

function report({ examples, fields, ...tally }: Tally, dry: boolean): string {
  const rows: [string, number, string[]][] = [
    ['sessions read', tally.read, []],
    [dry ? '  would be imported' : '  imported', tally.imported, []],
    ['  already there', tally.alreadyThere, []],
    ['  expired', tally.expired, []],
    ['  without a user', tally.withoutUser, []],
    ['  malformed', tally.malformed, examples.malformed],
    [dry ? 'fields of data that would be' : 'fields of data imported', fields.imported, []],
    ['  left out', fields.leftOut, examples.leftOut],
  ];
  return rows
    .flatMap(([name, count, reasons]) => [
      `${name.padEnd(30)}${String(count).padStart(9)}`,
      ...reasons.map((each) => `      ${each}`),
    ])
    .join('\n');
}

async function main(): Promise<void> {
  const values = readOptions();
  if (values.help) {
    process.stdout.write(usage);
    return;
  }
  const [source, reading] = [sourceOf(values), readingOf(values)];
  const { target, issuer } = await targetOf(values);
  const line = progressLine();
  const now = () => Math.floor(Date.now() / 1000);
  try {
    const tally = await importSessions(source, { ...reading, issuer, target, now, progress: line.show });
    line.clear();
    const { 'dry-run': dry = false, json = false } = values;
    process.stdout.write(`${json ? JSON.stringify({ dryRun: dry, ...tally }) : report(tally, dry)}\n`);
    if (tally.malformed > 0) process.exitCode = 2;
  } finally {
    line.clear();
  }
}

main().catch((error) => {
  // A mistake says what to do; anything else is ours, or the table's, and its stack says where.
  console.error(error instanceof ConfigurationError ? error.message : error);
  process.exitCode = 1;
});
