const encoder = new TextEncoder();

export const bytes = (text: string): Uint8Array<ArrayBuffer> => encoder.encode(text);

const beyondAscii = /[^\0-\x7f]/;

/** The size in UTF-8. Most text is ASCII, of which no copy is made. */
export const byteLength = (text: string): number => (beyondAscii.test(text) ? bytes(text).length : text.length);

/** Most arguments of one call of `String.fromCharCode`, well below the limits of engines. */
const CHUNK = 8192;

/** Base64url without padding (RFC 4648 §5), the form of tokens, keys and digests. */
export function base64url(data: Uint8Array): string {
  let text = '';
  for (let from = 0; from < data.length; from += CHUNK) {
    // A spread would iterate over the bytes, at twice the memory.
    text += Reflect.apply(String.fromCharCode, undefined, data.subarray(from, from + CHUNK));
  }
  return btoa(text).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** @throws DOMException for text that is not base64url */
export const fromBase64url = (text: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (character) => character.charCodeAt(0));

/** SHA-256 of the UTF-8 text, base64url: stored in place of codes, states, handles and cookies. */
export async function sha256(text: string): Promise<string> {
  return base64url(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes(text))));
}

/** 256 random bits, base64url (43 characters): for secrets. */
export function randomToken(): string {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

/** Compares two texts of equal length in a time that does not depend on their content. Different lengths are unequal. */
export function equalInConstantTime(one: string, other: string): boolean {
  if (one.length !== other.length) return false;
  let difference = 0;
  for (let index = 0; index < one.length; index++) difference |= one.charCodeAt(index) ^ other.charCodeAt(index);
  return difference === 0;
}

const ID_LENGTH = 22;
/** Bytes of 64 ids: whole groups of three bytes, so that every character is fully random. */
const stock = new Uint8Array((64 * ID_LENGTH * 6) / 8);
let ids = '';

/**
 * 132 random bits, base64url: a unique identifier, not for secrets. A request needs several, and each call for random bytes
 * takes 17 µs, so ids are generated in batches.
 */
export function randomId(): string {
  if (ids === '') ids = base64url(crypto.getRandomValues(stock));
  const id = ids.slice(0, ID_LENGTH);
  ids = ids.slice(ID_LENGTH);
  return id;
}
