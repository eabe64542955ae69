import { type Duration, Token } from 'aws-cdk-lib/core';

/** Settings `S` after their defaults `D` are filled in. */
export type WithDefaults<S, D> = S & Required<Pick<S, keyof D & keyof S>>;

/** The range of a numeric setting, both ends included, and the reason for it. */
export type Limits = { readonly min: number; readonly max: number; readonly reason: string };

/** Yields an error unless the number is within the limits; NaN is not. The value of a token is unknown at synth. */
export function* validateNumber(name: string, value: number, { min, max, reason }: Limits): Generator<string> {
  if (!Token.isUnresolved(value) && !(value >= min && value <= max)) {
    yield `${name} is ${value}: choose ${min} to ${max}, because ${reason}`;
  }
}

/** The range of a duration, both ends included, and the reason for it. */
export type DurationLimits = { readonly min: Duration; readonly max: Duration; readonly reason: string };

/** Yields an error unless the duration is within the limits; a duration of NaN is not. */
export function* validateDuration(name: string, value: Duration, limits: DurationLimits): Generator<string> {
  const { min, max, reason } = limits;
  if (!isDuration(value)) {
    return yield `${name} is ${quoted(value)}: write a Duration, such as Duration.${max.unitLabel()}(1)`;
  }
  if (value.isUnresolved()) return;
  const milliseconds = millisecondsOf(value);
  if (!(milliseconds >= millisecondsOf(min) && milliseconds <= millisecondsOf(max))) {
    yield `${name} is ${value}: choose ${min} to ${max}, because ${reason}`;
  }
}

const millisecondsOf = (duration: Duration) => duration.toMilliseconds({ integral: false });

/** Whether a value from an app without types is a duration. */
const isDuration = (value: unknown): value is Duration =>
  typeof (value as Duration | undefined)?.toMilliseconds === 'function';

/** Whether a duration is longer than a share of another; `false` if one of them is unknown at synth, or invalid. */
export function isLonger(value: Duration, than: Duration, share = 1): boolean {
  if (![value, than].every((each) => isDuration(each) && !each.isUnresolved())) return false;
  return millisecondsOf(value) > millisecondsOf(than) * share;
}

/** Whether a string has the syntax. The value of a token is unknown at synth, and is taken as it is. */
export const hasSyntax = (syntax: RegExp, value: string): boolean => Token.isUnresolved(value) || syntax.test(value);

const listFormat = new Intl.ListFormat('en-GB', { type: 'disjunction' });

/** Yields an error unless the value is one of the choices. */
export function* validateChoice(name: string, value: unknown, choices: readonly string[]): Generator<string> {
  if (!choices.includes(value as string)) yield `${name} is ${quoted(value)}: choose ${listFormat.format(choices)}`;
}

/** The value as an error message shows it. */
export const quoted = (value: unknown): string => JSON.stringify(value);

/** A key name becomes part of a logical id. */
const keyNameSyntax = /^[A-Za-z0-9]{1,32}$/;

/** Functions have the public keys in their environment, which is 4 kB. */
const MOST_KEYS = 4;

/** Yields an error message for each invalid name of a signing key. */
export function* validateKeyNames(setting: string, names: string[]): Generator<string> {
  if (names.length === 0) yield `${setting} is empty: name at least one key`;
  if (names.length > MOST_KEYS)
    yield `${setting} has ${names.length} names: a rotation needs two, and ${MOST_KEYS} are the most`;
  if (new Set(names).size < names.length) yield `${setting} has a name twice: ${quoted(names)}`;
  for (const name of names) {
    if (!keyNameSyntax.test(name)) yield `${setting} has ${quoted(name)}: use 1 to 32 letters and digits`;
  }
}
