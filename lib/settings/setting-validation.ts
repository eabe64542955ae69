/** Settings `S` after their defaults `D` are filled in. */
export type WithDefaults<S, D> = S & Required<Pick<S, keyof D & keyof S>>;

/** The range of a numeric setting, both ends included, and the reason for it. */
export type Limits = { readonly min: number; readonly max: number; readonly reason: string };

/** Yields an error unless the number is within the limits; NaN is not. */
export function* validateNumber(name: string, value: number, { min, max, reason }: Limits): Generator<string> {
  if (!(value >= min && value <= max)) yield `${name} is ${value}: choose ${min} to ${max}, because ${reason}`;
}

const listFormat = new Intl.ListFormat('en-GB', { type: 'disjunction' });

/** Yields an error unless the value is one of the choices. */
export function* validateChoice(name: string, value: unknown, choices: readonly string[]): Generator<string> {
  if (!choices.includes(value as string)) yield `${name} is ${quoted(value)}: choose ${listFormat.format(choices)}`;
}

/** The value as an error message shows it. */
export const quoted = (value: unknown): string => JSON.stringify(value);
