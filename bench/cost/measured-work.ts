/** Kinds of work that are paid for, and what is done in each. */
export const works = {
  call: 'a call of a tool in a session of the 2025 era',
  firstCall: 'a call of a tool that is the first of its session in five minutes',
  modernCall: 'a call of a tool as 2026-07-28 has it',
  slidingCall: 'a call of a tool by which the session slides',
  begin: 'a request that begins a session',
  list: 'a list of tools in a session',
  register: 'a registration',
  signIn: 'a sign-in, from the question to the code',
  redeem: 'a code is exchanged',
  refresh: 'a refresh that asks the identity provider',
  idleMinutes: 'five minutes without calls are over',
  busyMinutes: 'five minutes with 116 calls are over, as a million a month come',
  hour: 'the same, at the end of an hour',
} as const;

export type WorkName = keyof typeof works;

/** Items are named by the beginning of their partition key, as in `docs/data-model.md`. */
export type Read = { operation: string; items: string[]; bytes: number; units: number };
/** `units` for the table, and for each index that the write has to do with. */
export type Write = { operation: string; item: string; bytes: number; units: Record<string, number> };

export type Work = {
  dynamodb: Record<string, number>;
  kms: Record<string, number>;
  reads: Read[];
  writes: Write[];
  /** What the functions have written to their logs of their own accord. */
  logBytes: number;
};

export type Measurement = {
  /** Date. */
  measuredOn: string;
  /** The indexes of the table that was written to. */
  indexes: string[];
  works: Record<WorkName, Work>;
};

export const readUnitsOf = ({ reads }: Work): number => reads.reduce((sum, { units }) => sum + units, 0);

export const writeUnitsOf = ({ writes }: Work): number =>
  writes.flatMap(({ units }) => Object.values(units)).reduce((sum, units) => sum + units, 0);

/** What is the same whenever it is measured: sizes differ by some digits, and units with them only at a limit. */
export const comparable = ({ dynamodb, kms, reads, writes }: Work) => ({
  dynamodb,
  kms,
  reads: reads.map(({ bytes: _, ...rest }) => rest),
  writes: writes.map(({ bytes: _, ...rest }) => rest),
});

/** As it is kept: lists of names on one line, as the formatter of the sources has them. */
export const savedText = (measurement: Measurement): string =>
  `${JSON.stringify(measurement, null, 2).replace(/\[\s+("[^[\]{}]*")\s+\]/g, (_, names: string) => `[${names.replace(/\s+/g, ' ')}]`)}\n`;
