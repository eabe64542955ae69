import { bytes } from '../support/crypto.ts';

/**
 * The entries with the smallest hashes: a random sample that does not depend on how often an entry occurs, and that can be
 * merged ("bottom-k sketch").
 */
export type Sample<T> = Record<string, T>;

const SAMPLE_SIZE = 256;
const HASH_BYTES = 6;

/**
 * Number of sampled entries: exact for a complete sample, otherwise an estimate within about a tenth.
 * @param size most entries of the sample; the error is one to its square root
 */
export function sizeOf(sample: Sample<unknown>, size = SAMPLE_SIZE): number {
  const hashes = Object.keys(sample).sort();
  if (hashes.length < size) return hashes.length;
  const share = Number.parseInt(hashes.at(-1)!, 16) / 256 ** HASH_BYTES;
  return Math.max(size, Math.round((size - 1) / share));
}

export const isComplete = (sample: Sample<unknown>, size = SAMPLE_SIZE): boolean => Object.keys(sample).length < size;

/** Hexadecimal, so that hashes sort as text in the order of their numbers. */
export async function hashNames<T>(entries: [name: string, value: T][]): Promise<Sample<T>> {
  const hashes = await Promise.all(
    entries.map(async ([name, value]) => {
      const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes(name)));
      const hash = Array.from(digest.subarray(0, HASH_BYTES), (byte) => byte.toString(16).padStart(2, '0')).join('');
      return [hash, value] as const;
    }),
  );
  return Object.fromEntries(hashes);
}

export function smallest<T>(sample: Sample<T>, size = SAMPLE_SIZE): Sample<T> {
  const entries = Object.entries(sample);
  if (entries.length <= size) return sample;
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)).slice(0, size));
}
