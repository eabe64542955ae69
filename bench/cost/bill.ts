import { shards } from '../../lambda/shared/table-keys.ts';
import type { Traffic } from './assumed-traffic.ts';
import { type Measurement, readUnitsOf, type Work, type WorkName, writeUnitsOf } from './measured-work.ts';
import type { FunctionName, Stack } from './priced-stack.ts';
import { type PriceName, priceOf } from './prices.ts';

/** A quantity of a priced unit. */
export type Use = { price: PriceName; quantity: number };

/** A line item of a month. `each` is the number of events that cause its uses, if it has more than one use. */
export type Line = { what: string; uses: Use[]; each?: { count: number; unit: string } };

const DAYS = 30;
/** The authorization request, the consent and the callback. */
const SIGN_IN_REQUESTS = 3;
const GIGABYTE = 1e9;
/** The overhead of an item in the table and in each index (Developer Guide, "DynamoDB item sizes and formats"). */
const ITEM_OVERHEAD_BYTES = 100;
/** The lines `START`, `END` and `REPORT` of each invocation, of the length in Lambda's documentation. */
const PLATFORM_LINES_BYTES = 75 + 53 + 170;

export const INITIALIZATION = 'Lambda, initialization (estimated)';
export const REVOCATION_SCHEDULE = 'schedule of revocations at the identity provider';
/** Of a run that finds nothing: queries in parallel. */
const REVOCATION_RUN_MILLISECONDS = 20;
/** Of an export that finds no calls. */
const EXPORT_RUN_MILLISECONDS = 20;
/** Of a call with names of usual length, in JSON. */
export const SPAN_BYTES = 1_350;
/** Eventually consistent. */
const EMPTY_QUERY_READ_UNITS = 0.5;

export const dollarsOf = ({ uses }: Line): number =>
  uses.reduce((sum, { price, quantity }) => sum + (quantity * priceOf(price).dollars) / priceOf(price).per, 0);

export const sumOf = (lines: readonly Line[]): number => lines.reduce((sum, line) => sum + dollarsOf(line), 0);

/** The costs of a month without calls. */
export function idleLines(stack: Stack, { works }: Measurement, traffic: Traffic): Line[] {
  const aggregations = stack.rollupsPerDay * DAYS;
  const revocationRuns = stack.revocationRunsPerDay * DAYS;
  const exports = stack.exportsPerDay * DAYS;
  return present([
    { what: 'KMS keys', uses: [{ price: 'keys', quantity: stack.keys }] },
    { what: 'alarms', uses: [{ price: 'alarms', quantity: stack.alarmedMetrics }] },
    { what: 'dashboard of CloudWatch', uses: [{ price: 'dashboards', quantity: stack.dashboards }] },
    {
      what: 'firewall',
      uses: [
        { price: 'firewalls', quantity: stack.firewalls },
        { price: 'firewallRules', quantity: stack.firewallRules },
      ],
    },
    { what: 'client secret', uses: [{ price: 'secrets', quantity: stack.secrets }] },
    {
      what: 'schedule of the aggregation job',
      each: { count: aggregations, unit: 'times' },
      uses: [
        ...runs(stack, 'Rollup', aggregations, traffic['rollup-milliseconds']),
        ...storeUses(works.idleMinutes, aggregations),
        ...logUses(stack, 'Rollup', aggregations, works.idleMinutes),
      ],
    },
    {
      what: REVOCATION_SCHEDULE,
      each: { count: revocationRuns, unit: 'times' },
      uses: [
        ...runs(stack, 'OAuth', revocationRuns, REVOCATION_RUN_MILLISECONDS),
        { price: 'readUnits', quantity: revocationRuns * shards.endedTokens * EMPTY_QUERY_READ_UNITS },
        ...logUses(stack, 'OAuth', revocationRuns),
      ],
    },
    {
      what: 'schedule of the export of telemetry',
      each: { count: exports, unit: 'times' },
      uses: [
        ...runs(stack, 'Telemetry', exports, EXPORT_RUN_MILLISECONDS),
        // The markers of five minutes and of those a session TTL ago, and the progress, which is written again.
        { price: 'readUnits', quantity: exports * (2 * shards.calls * EMPTY_QUERY_READ_UNITS + 1) },
        { price: 'writeUnits', quantity: exports },
        ...logUses(stack, 'Telemetry', exports),
      ],
    },
  ]);
}

/**
 * The costs of the calls of a month.
 *
 * @param traffic see `assumptions`: once in a burst, the authorizer is invoked, and a marker of the session's calls is
 *   written; the session is extended in the first burst after the time for which it needs no extension
 */
export function callLines(stack: Stack, { works }: Measurement, traffic: Traffic): Line[] {
  const calls = traffic['calls-per-month'];
  const bursts = calls / traffic['calls-per-burst'];
  const authorizations = stack.authorizerCacheSeconds === 0 ? calls : bursts;
  const milliseconds = traffic['request-milliseconds'] + traffic['tool-milliseconds'];
  const coldStarts = calls / traffic['calls-per-cold-start'];
  return present([
    { what: 'API Gateway', uses: [{ price: 'apiRequests', quantity: calls }] },
    { what: 'Lambda, MCP function', uses: runs(stack, 'Mcp', calls, milliseconds, traffic.memory) },
    { what: 'Lambda, authorizer', uses: runs(stack, 'Authorizer', authorizations, traffic['authorizer-milliseconds']) },
    {
      what: INITIALIZATION,
      uses: [
        ...durations(stack, 'Mcp', coldStarts, traffic['cold-start-milliseconds'], traffic.memory),
        ...durations(stack, 'Authorizer', coldStarts, traffic['authorizer-cold-start-milliseconds']),
      ],
    },
    {
      what: 'DynamoDB, reads of session and grant',
      uses: [{ price: 'readUnits', quantity: calls * readUnitsOf(works.call) }],
    },
    {
      what: 'DynamoDB, extensions of sessions',
      uses: [{ price: 'writeUnits', quantity: extensionsIn(bursts, stack, traffic) * extensionUnits(works) }],
    },
    {
      what: 'DynamoDB, audit log',
      uses: [
        { price: 'writeUnits', quantity: calls * writeUnitsOf(works.call) },
        { price: 'writeUnits', quantity: bursts * markerUnits(works) },
      ],
    },
    {
      what: 'logs',
      uses: [
        { price: 'logs', quantity: (calls * stack.accessLogBytes) / GIGABYTE },
        ...logUses(stack, 'Mcp', calls, works.call),
        ...logUses(stack, 'Authorizer', authorizations),
      ],
    },
    { what: 'CloudFront', uses: stack.hasCloudFront ? [{ price: 'edgeRequests', quantity: calls }] : [] },
  ]);
}

/** A session that is extended in one burst is not extended again in those that begin too soon after it. */
const extensionsIn = (bursts: number, { extensionSeconds }: Stack, traffic: Traffic): number =>
  bursts / Math.max(1, Math.ceil(extensionSeconds / (60 * traffic['minutes-per-burst'])));

/** The related costs of the calls: sessions, tokens, users, aggregation, and the way to the API. */
export function otherLines(stack: Stack, measurement: Measurement, traffic: Traffic): Line[] {
  const { works } = measurement;
  const calls = traffic['calls-per-month'];
  const bursts = calls / traffic['calls-per-burst'];
  const sessions = calls / traffic['calls-per-session'];
  const connectionRequests = sessions * traffic['requests-to-connect'];
  const refreshes = calls / traffic['calls-per-token'];
  const signIns = traffic['sign-ins-per-month'];
  const views = traffic['views-per-month'];
  const aggregations = stack.rollupsPerDay * DAYS;
  /** @param each the number of requests for each unit of work */
  const request = (name: FunctionName, count: number, work: Work, milliseconds: number, each = 1): Use[] => [
    { price: 'apiRequests', quantity: count * each },
    ...runs(stack, name, count * each, milliseconds, name === 'Mcp' ? traffic.memory : undefined),
    ...storeUses(work, count),
    ...logUses(stack, name, count * each, work),
    { price: 'logs', quantity: (count * each * stack.accessLogBytes) / GIGABYTE },
  ];
  const mcp = traffic['request-milliseconds'];
  const oauth = traffic['oauth-milliseconds'];
  const all = calls + connectionRequests + refreshes + signIns * (SIGN_IN_REQUESTS + 2) + views;
  return present([
    {
      what: 'new sessions',
      each: { count: sessions, unit: 'sessions' },
      uses: [
        ...request('Mcp', sessions, works.begin, mcp),
        ...request('Mcp', connectionRequests - sessions, works.list, mcp),
      ],
    },
    {
      what: 'new access tokens',
      each: { count: refreshes, unit: 'tokens' },
      uses: stack.functions.OAuth ? request('OAuth', refreshes, works.refresh, oauth) : [],
    },
    {
      what: 'sign-ins',
      each: { count: signIns, unit: 'sign-ins' },
      uses: stack.functions.OAuth
        ? [
            ...request('OAuth', signIns, works.register, oauth),
            ...request('OAuth', signIns, works.signIn, oauth, SIGN_IN_REQUESTS),
            ...request('OAuth', signIns, works.redeem, oauth),
          ]
        : [],
    },
    {
      what: 'aggregation of calls',
      uses: [
        { price: 'readUnits', quantity: aggregationReadUnits(works, traffic) },
        {
          price: 'writeUnits',
          quantity: aggregations * (writeUnitsOf(works.busyMinutes) - writeUnitsOf(works.idleMinutes)),
        },
        { price: 'writeUnits', quantity: 24 * DAYS * (writeUnitsOf(works.hour) - writeUnitsOf(works.busyMinutes)) },
        { price: 'readUnits', quantity: 24 * DAYS * (readUnitsOf(works.hour) - readUnitsOf(works.busyMinutes)) },
        { price: 'customMetrics', quantity: calls > 0 ? stack.metricsOfCalls : 0 },
      ],
    },
    {
      what: 'export of telemetry',
      // The time of the function is less than a cent.
      uses: stack.functions.Telemetry
        ? [
            // The calls are read again when their sessions may have expired, with the first and the last call of each
            // burst's session.
            {
              price: 'readUnits',
              quantity: 2 * aggregationReadUnits(works, traffic) + bursts * 2 * EMPTY_QUERY_READ_UNITS,
            },
            { price: 'transfer', quantity: (calls * SPAN_BYTES) / GIGABYTE },
          ]
        : [],
    },
    {
      what: `audit log, kept for ${stack.auditRetentionDays} days`,
      uses: storageUses(stack, (storedBytes(works, traffic) * stack.auditRetentionDays) / DAYS),
    },
    {
      what: `logs, kept for ${stack.logRetentionDays} days`,
      uses: [
        {
          price: 'logStorage',
          quantity: (gigabytesLogged(callLines(stack, measurement, traffic)) * stack.logRetentionDays) / DAYS,
        },
      ],
    },
    {
      what: 'views of the dashboard',
      each: { count: views, unit: 'views' },
      uses: stack.functions.Dashboard
        ? [
            ...request('Dashboard', views, works.list, traffic['view-milliseconds']),
            { price: 'readUnits', quantity: views * traffic['view-read-units'] },
          ]
        : [],
    },
    {
      what: 'CloudFront, these requests',
      uses: stack.hasCloudFront ? [{ price: 'edgeRequests', quantity: all - calls }] : [],
    },
    {
      what: 'data transfer',
      uses: stack.hasCloudFront
        ? [
            { price: 'edgeTransfer', quantity: (all * traffic['answer-kilobytes'] * 1000) / GIGABYTE },
            { price: 'edgeToOrigin', quantity: (all * traffic['request-kilobytes'] * 1000) / GIGABYTE },
          ]
        : [{ price: 'transfer', quantity: (all * traffic['answer-kilobytes'] * 1000) / GIGABYTE }],
    },
    { what: 'firewall', uses: stack.firewalls > 0 ? [{ price: 'firewallRequests', quantity: all }] : [] },
    { what: 'Cognito', uses: stack.hasCognito ? [{ price: 'users', quantity: traffic['users-per-month'] }] : [] },
  ]);
}

/** The free tier of the account as negative line items. Other workloads in the account may have used it up. */
export function freeLines(lines: readonly Line[]): Line[] {
  const uses = lines.flatMap((line) => line.uses);
  const names = [...new Set(uses.map(({ price }) => price))];
  return names.flatMap((price): Line[] => {
    const { free = 0, unit, source } = priceOf(price);
    const used = uses.filter((use) => use.price === price).reduce((sum, { quantity }) => sum + quantity, 0);
    if (free === 0 || used === 0) return [];
    return [
      {
        what: `free tier of ${serviceOf(source)}: ${free.toLocaleString('en')} ${unit}`,
        uses: [{ price, quantity: -Math.min(free, used) }],
      },
    ];
  });
}

/** `https://aws.amazon.com/lambda/pricing/` → `lambda`. */
const serviceOf = (source: string): string => new URL(source).pathname.split('/')[1]!;

/** Omits line items without uses. */
const present = (lines: Line[]): Line[] =>
  lines
    .map(({ uses, ...line }) => ({ ...line, uses: merged(uses.filter(({ quantity }) => quantity > 0)) }))
    .filter(({ uses }) => uses.length > 0);

function merged(uses: readonly Use[]): Use[] {
  const sums = new Map<PriceName, number>();
  for (const { price, quantity } of uses) sums.set(price, (sums.get(price) ?? 0) + quantity);
  return [...sums].map(([price, quantity]) => ({ price, quantity }));
}

function runs(stack: Stack, name: FunctionName, count: number, milliseconds: number, memory?: number): Use[] {
  const priced = stack.functions[name];
  return priced
    ? [{ price: 'functionRequests', quantity: count }, ...durations(stack, name, count, milliseconds, memory)]
    : [];
}

/** Without the requests: Lambda charges the initialization of an environment as a duration. */
function durations(stack: Stack, name: FunctionName, count: number, milliseconds: number, memory?: number): Use[] {
  const priced = stack.functions[name];
  if (!priced) return [];
  const gigabytes = memory === undefined ? priced.gigabytes : memory / 1024;
  return [
    {
      price: priced.isArm ? 'armGigabyteSeconds' : 'x86GigabyteSeconds',
      quantity: (count * gigabytes * Math.ceil(milliseconds)) / 1000,
    },
  ];
}

function logUses(stack: Stack, name: FunctionName, count: number, work?: Work): Use[] {
  const priced = stack.functions[name];
  if (!priced) return [];
  const bytes = (priced.writesPlatformLines ? PLATFORM_LINES_BYTES : 0) + (work?.logBytes ?? 0);
  return [{ price: 'logs', quantity: (count * bytes) / GIGABYTE }];
}

const storeUses = (work: Work, count: number): Use[] => [
  { price: 'readUnits', quantity: count * readUnitsOf(work) },
  { price: 'writeUnits', quantity: count * writeUnitsOf(work) },
  { price: 'signatures', quantity: count * (work.kms.Sign ?? 0) },
  {
    price: 'keyRequests',
    quantity: count * Object.entries(work.kms).reduce((sum, [name, each]) => sum + (name === 'Sign' ? 0 : each), 0),
  },
];

type Works = Record<WorkName, Work>;

const extensionUnits = (works: Works): number => writeUnitsOf(works.slidingCall) - writeUnitsOf(works.call);

/** The write units of a marker, once in a burst. */
const markerUnits = (works: Works): number => writeUnitsOf(works.firstCall) - writeUnitsOf(works.call);

/** The aggregation job queries the calls of each burst, rounded up, and the markers of many bursts at once. */
function aggregationReadUnits(works: Works, traffic: Traffic): number {
  const bytesOf = (kind: string) => works.firstCall.writes.find(({ item }) => item === kind)?.bytes ?? 0;
  const ofBurst = Math.ceil((traffic['calls-per-burst'] * bytesOf('D#')) / 4096) / 2;
  return (traffic['calls-per-month'] / traffic['calls-per-burst']) * (ofBurst + bytesOf('C#') / (2 * 4096));
}

/** The bytes of the audit log, in the table and in the indexes. */
function storedBytes({ call, firstCall }: Works, traffic: Traffic): number {
  const bytesOf = ({ writes }: Work) =>
    writes.reduce((sum, { bytes, units }) => sum + Object.keys(units).length * (bytes + ITEM_OVERHEAD_BYTES), 0);
  const calls = traffic['calls-per-month'];
  return calls * bytesOf(call) + (calls / traffic['calls-per-burst']) * (bytesOf(firstCall) - bytesOf(call));
}

const storageUses = ({ hasHistory }: Stack, bytes: number): Use[] => [
  { price: 'tableStorage', quantity: bytes / GIGABYTE },
  { price: 'tableHistory', quantity: hasHistory ? bytes / GIGABYTE : 0 },
];

const gigabytesLogged = (lines: readonly Line[]): number =>
  lines.flatMap(({ uses }) => uses).reduce((sum, { price, quantity }) => sum + (price === 'logs' ? quantity : 0), 0);
