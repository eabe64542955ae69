/** A number that looks random and is the same for the same input each time: a 32-bit mix (murmur3's finalizer). */
export function mixed(number: number, salt: number): number {
  let mix = (number ^ Math.imul(salt + 1, 0x9e3779b1)) | 0;
  mix = Math.imul(mix ^ (mix >>> 16), 0x85ebca6b);
  mix = Math.imul(mix ^ (mix >>> 13), 0xc2b2ae35);
  return (mix ^ (mix >>> 16)) >>> 0;
}

/** The same as a share of one: from 0 to below 1. */
export const share = (number: number, salt: number): number => mixed(number, salt) / 4_294_967_296;

/**
 * An id as long as real ones, out of which its number can be read again. The letter spreads it over the partitions of
 * a list, as the first character of a real one does.
 */
export function numbered(number: number, { letters, length }: IdShape): string {
  return `${String.fromCharCode(65 + (number % letters))}${String(number).padStart(length - 1, '0')}`;
}

/** @returns nothing where the text is no such id */
export function numberOf(id: string, shape: IdShape): number | undefined {
  const number = Number(id.slice(1));
  return Number.isSafeInteger(number) && number >= 0 && numbered(number, shape) === id ? number : undefined;
}

export type IdShape = { letters: number; length: number };
