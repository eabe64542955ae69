/** A pseudorandom number, equal for equal input: a 32-bit mix (murmur3's finalizer). */
export function mixed(number: number, salt: number): number {
  let mix = (number ^ Math.imul(salt + 1, 0x9e3779b1)) | 0;
  mix = Math.imul(mix ^ (mix >>> 16), 0x85ebca6b);
  mix = Math.imul(mix ^ (mix >>> 13), 0xc2b2ae35);
  return (mix ^ (mix >>> 16)) >>> 0;
}

/** A pseudorandom number from 0 to below 1. */
export const share = (number: number, salt: number): number => mixed(number, salt) / 4_294_967_296;

/**
 * An id of realistic length that contains its number. The letter distributes it over the partitions of a list, as the first
 * character of a real id does.
 */
export function numbered(number: number, { letters, length }: IdShape): string {
  return `${String.fromCharCode(65 + (number % letters))}${String(number).padStart(length - 1, '0')}`;
}

/** @returns `undefined` if the string is no such id */
export function numberOf(id: string, shape: IdShape): number | undefined {
  const number = Number(id.slice(1));
  return Number.isSafeInteger(number) && number >= 0 && numbered(number, shape) === id ? number : undefined;
}

export type IdShape = { letters: number; length: number };
