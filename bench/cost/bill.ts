import type { Traffic } from './assumed-traffic.ts';
import { type Measurement, readUnitsOf, type Work, type WorkName, writeUnitsOf } from './measured-work.ts';
import type { FunctionName, Stack } from './priced-stack.ts';
import { type PriceName, priceOf } from './prices.ts';

/** So much of something that has a price. */
export type Use = { price: PriceName; quantity: number };

/**
 * Something that a month costs, and what it is made of.
 * `each` says how often something happens that takes several things which have a price.
 */
export type Line = { what: string; uses: Use[]; each?: { count: number; unit: string } };

const DAYS = 30;
/** The question, its answer, and the way back from the identity provider. */
const SIGN_IN_REQUESTS = 3;
const GIGABYTE = 1e9;
/** What DynamoDB adds to an item wherever it is stored (Developer Guide, "DynamoDB item sizes and formats"). */
const STORED_BESIDES_BYTES = 100;
/** `START`, `END` and `REPORT`, which Lambda writes for each invocation, as its documentation shows them. */
const PLATFORM_LINES_BYTES = 75 + 53 + 170;

export const dollarsOf = ({ uses }: Line): number =>
  uses.reduce((sum, { price, quantity }) => sum + (quantity * priceOf(price).dollars) / priceOf(price).per, 0);

export const sumOf = (lines: readonly Line[]): number => lines.reduce((sum, line) => sum + dollarsOf(line), 0);

/** What is there whether anybody calls or not, in a month. */
export function idleLines(stack: Stack, { works }: Measurement, traffic: Traffic): Line[] {
  const rollups = stack.rollupsPerDay * DAYS;
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
      each: { count: rollups, unit: 'times' },
      uses: [
        ...runs(stack, 'Rollup', rollups, traffic['rollup-milliseconds']),
        ...storeUses(works.idleMinutes, rollups),
        ...logUses(stack, 'Rollup', rollups, works.idleMinutes),
      ],
    },
  ]);
}

/**
 * What the calls of a month cost.
 *
 * @param traffic see `assumptions`: a session slides, the authorizer is asked, and a session is marked to have had calls,
 *   once in a burst
 */
export function callLines(stack: Stack, { works }: Measurement, traffic: Traffic): Line[] {
  const calls = traffic['calls-per-month'];
  const bursts = calls / traffic['calls-per-burst'];
  const asked = stack.authorizerCacheSeconds === 0 ? calls : bursts;
  const milliseconds = traffic['request-milliseconds'] + traffic['tool-milliseconds'];
  return present([
    { what: 'API Gateway', uses: [{ price: 'apiRequests', quantity: calls }] },
    { what: 'Lambda, MCP function', uses: runs(stack, 'Mcp', calls, milliseconds, traffic.memory) },
    { what: 'Lambda, authorizer', uses: runs(stack, 'Authorizer', asked, traffic['authorizer-milliseconds']) },
    {
      what: 'DynamoDB, reads of session and grant',
      uses: [{ price: 'readUnits', quantity: calls * readUnitsOf(works.call) }],
    },
    { what: 'DynamoDB, extensions of sessions', uses: [{ price: 'writeUnits', quantity: bursts * slideUnits(works) }] },
    {
      what: 'DynamoDB, audit log',
      uses: [
        { price: 'writeUnits', quantity: calls * writeUnitsOf(works.call) },
        { price: 'writeUnits', quantity: bursts * markUnits(works) },
      ],
    },
    {
      what: 'logs',
      uses: [
        { price: 'logs', quantity: (calls * stack.accessLogBytes) / GIGABYTE },
        ...logUses(stack, 'Mcp', calls, works.call),
        ...logUses(stack, 'Authorizer', asked),
      ],
    },
  ]);
}

/** What comes with them: sessions, tokens, users, counting, and what leads to the API. */
export function otherLines(stack: Stack, measurement: Measurement, traffic: Traffic): Line[] {
  const { works } = measurement;
  const calls = traffic['calls-per-month'];
  const sessions = calls / traffic['calls-per-session'];
  const connecting = sessions * traffic['requests-to-connect'];
  const refreshes = calls / traffic['calls-per-token'];
  const signIns = traffic['sign-ins-per-month'];
  const views = traffic['views-per-month'];
  const rollups = stack.rollupsPerDay * DAYS;
  /** Work that takes so many requests each time. */
  const request = (door: FunctionName, count: number, work: Work, milliseconds: number, each = 1): Use[] => [
    { price: 'apiRequests', quantity: count * each },
    ...runs(stack, door, count * each, milliseconds, door === 'Mcp' ? traffic.memory : undefined),
    ...storeUses(work, count),
    ...logUses(stack, door, count * each, work),
    { price: 'logs', quantity: (count * each * stack.accessLogBytes) / GIGABYTE },
  ];
  const plain = traffic['request-milliseconds'];
  const oauth = traffic['oauth-milliseconds'];
  const all = calls + connecting + refreshes + signIns * (SIGN_IN_REQUESTS + 2) + views;
  return present([
    {
      what: 'new sessions',
      each: { count: sessions, unit: 'sessions' },
      uses: [
        ...request('Mcp', sessions, works.begin, plain),
        ...request('Mcp', connecting - sessions, works.list, plain),
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
        { price: 'readUnits', quantity: countedReadUnits(works, traffic) },
        {
          price: 'writeUnits',
          quantity: rollups * (writeUnitsOf(works.busyMinutes) - writeUnitsOf(works.idleMinutes)),
        },
        { price: 'writeUnits', quantity: 24 * DAYS * (writeUnitsOf(works.hour) - writeUnitsOf(works.busyMinutes)) },
        { price: 'readUnits', quantity: 24 * DAYS * (readUnitsOf(works.hour) - readUnitsOf(works.busyMinutes)) },
        { price: 'customMetrics', quantity: calls > 0 ? stack.metricsOfCalls : 0 },
      ],
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
      what: 'CloudFront',
      uses: stack.hasCloudFront ? [{ price: 'edgeRequests', quantity: all }] : [],
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

/** What of all this an account has for nothing, as what it takes off. Others in the account may have used it up. */
export function freeLines(lines: readonly Line[]): Line[] {
  const uses = lines.flatMap((line) => line.uses);
  const names = [...new Set(uses.map(({ price }) => price))];
  return names.flatMap((price): Line[] => {
    const { free = 0, unit, source } = priceOf(price);
    const used = uses.filter((use) => use.price === price).reduce((sum, { quantity }) => sum + quantity, 0);
    if (free === 0 || used === 0) return [];
    return [
      {
        what: `free at ${serviceOf(source)}: ${free.toLocaleString('en')} ${unit}`,
        uses: [{ price, quantity: -Math.min(free, used) }],
      },
    ];
  });
}

/** `https://aws.amazon.com/lambda/pricing/` → `lambda`. */
const serviceOf = (source: string): string => new URL(source).pathname.split('/')[1]!;

/** Without what is not there. */
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
  const part = stack.functions[name];
  if (!part) return [];
  const gigabytes = memory === undefined ? part.gigabytes : memory / 1024;
  return [
    { price: 'functionRequests', quantity: count },
    {
      price: part.isArm ? 'armGigabyteSeconds' : 'x86GigabyteSeconds',
      quantity: (count * gigabytes * Math.ceil(milliseconds)) / 1000,
    },
  ];
}

function logUses(stack: Stack, name: FunctionName, count: number, work?: Work): Use[] {
  const part = stack.functions[name];
  if (!part) return [];
  const bytes = (part.writesPlatformLines ? PLATFORM_LINES_BYTES : 0) + (work?.logBytes ?? 0);
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

const slideUnits = (works: Works): number => writeUnitsOf(works.slidingCall) - writeUnitsOf(works.call);

/** What a burst takes once: its first call is marked. */
const markUnits = (works: Works): number => writeUnitsOf(works.firstCall) - writeUnitsOf(works.call);

/** The rollup asks for the calls of a burst by themselves, which is rounded up, and for what marks many of them together. */
function countedReadUnits(works: Works, traffic: Traffic): number {
  const bytesOf = (kind: string) => works.firstCall.writes.find(({ item }) => item === kind)?.bytes ?? 0;
  const ofBurst = Math.ceil((traffic['calls-per-burst'] * bytesOf('D#')) / 4096) / 2;
  return (traffic['calls-per-month'] / traffic['calls-per-burst']) * (ofBurst + bytesOf('C#') / (2 * 4096));
}

/** Of what calls put on record, in the table and in the indexes. */
function storedBytes({ call, firstCall }: Works, traffic: Traffic): number {
  const bytesOf = ({ writes }: Work) =>
    writes.reduce((sum, { bytes, units }) => sum + Object.keys(units).length * (bytes + STORED_BESIDES_BYTES), 0);
  const calls = traffic['calls-per-month'];
  return calls * bytesOf(call) + (calls / traffic['calls-per-burst']) * (bytesOf(firstCall) - bytesOf(call));
}

const storageUses = ({ hasHistory }: Stack, bytes: number): Use[] => [
  { price: 'tableStorage', quantity: bytes / GIGABYTE },
  { price: 'tableHistory', quantity: hasHistory ? bytes / GIGABYTE : 0 },
];

const gigabytesLogged = (lines: readonly Line[]): number =>
  lines.flatMap(({ uses }) => uses).reduce((sum, { price, quantity }) => sum + (price === 'logs' ? quantity : 0), 0);
