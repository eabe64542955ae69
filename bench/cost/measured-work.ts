/** The kinds of work that are charged. */
export const works = {
  call: 'a tool call in a session of the 2025 era',
  firstCall: 'the first tool call of a session in five minutes',
  modernCall: 'a tool call of 2026-07-28',
  slidingCall: 'a tool call that extends its session',
  begin: 'a request that starts a session',
  list: 'a tools/list in a session',
  register: 'a registration',
  signIn: 'a sign-in, from the authorization request to the code',
  redeem: 'the redemption of a code',
  refresh: 'a refresh that calls the identity provider',
  idleMinutes: 'the aggregation of five minutes without calls',
  busyMinutes: 'the aggregation of five minutes with 116 calls, at a million calls a month',
  hour: 'the same at the end of an hour',
} as const;

export type WorkName = keyof typeof works;

/** Items are named by the prefix of their partition key, as in `docs/data-model.md`. */
export type Read = { operation: string; items: string[]; bytes: number; units: number };
/** `units` of the table and of each index that the write affects. */
export type Write = { operation: string; item: string; bytes: number; units: Record<string, number> };

export type Work = {
  dynamodb: Record<string, number>;
  kms: Record<string, number>;
  reads: Read[];
  writes: Write[];
  /** The log lines of the functions. */
  logBytes: number;
};

export type Measurement = {
  /** Date. */
  measuredOn: string;
  /** The indexes of the measured table. */
  indexes: string[];
  works: Record<WorkName, Work>;
};

export const readUnitsOf = ({ reads }: Work): number => reads.reduce((sum, { units }) => sum + units, 0);

export const writeUnitsOf = ({ writes }: Work): number =>
  writes.flatMap(({ units }) => Object.values(units)).reduce((sum, units) => sum + units, 0);

/** The reproducible part of a measurement: sizes differ by some digits. */
export const comparable = ({ dynamodb, kms, reads, writes }: Work) => ({
  dynamodb,
  kms,
  reads: reads.map(({ bytes: _, ...rest }) => rest),
  writes: writes.map(({ bytes: _, ...rest }) => rest),
});

/** The text of the saved file, with lists of names on one line as the formatter writes them. */
export const savedText = (measurement: Measurement): string =>
  `${JSON.stringify(measurement, null, 2).replace(/\[\s+("[^[\]{}]*")\s+\]/g, (_, names: string) => `[${names.replace(/\s+/g, ' ')}]`)}\n`;
