const encoder = new TextEncoder();

export const bytes = (text: string): Uint8Array<ArrayBuffer> => encoder.encode(text);

/** How many characters are made at once: as many as a function may be given arguments, with room to spare. */
const PIECE = 8192;

/** Base64url without padding (RFC 4648 §5), as tokens, keys and digests are written. */
export function base64url(data: Uint8Array): string {
  let text = '';
  for (let from = 0; from < data.length; from += PIECE) {
    text += String.fromCharCode(...data.subarray(from, from + PIECE));
  }
  return btoa(text).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** @throws DOMException when the text is not base64url */
export const fromBase64url = (text: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (character) => character.charCodeAt(0));

/** SHA-256 of the UTF-8 text, base64url: what stands in the store in place of codes, states, handles and cookies. */
export async function sha256(text: string): Promise<string> {
  return base64url(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes(text))));
}

/** 256 random bits, base64url: 43 characters that nobody guesses. */
export function randomToken(): string {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

const ID_LENGTH = 22;
/** For 64 of them: whole bytes, and whole groups of three of these, so every character is random to its last bit. */
const stock = new Uint8Array((64 * ID_LENGTH * 6) / 8);
let ids = '';

/**
 * 132 random bits, base64url: an identifier that nobody meets twice. A request needs several, and the platform takes 17 µs
 * to be asked for random bytes however few they are, so ids are made in stock. Secrets are not made of these.
 */
export function randomId(): string {
  if (ids === '') ids = base64url(crypto.getRandomValues(stock));
  const id = ids.slice(0, ID_LENGTH);
  ids = ids.slice(ID_LENGTH);
  return id;
}
