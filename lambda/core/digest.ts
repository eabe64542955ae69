const encoder = new TextEncoder();

export const bytes = (text: string): Uint8Array<ArrayBuffer> => encoder.encode(text);

/** Base64url without padding (RFC 4648 §5), as tokens, keys and digests are written. */
export const base64url = (data: Uint8Array): string =>
  btoa(Array.from(data, (byte) => String.fromCharCode(byte)).join(''))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');

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

/** 128 random bits, base64url: an identifier that nobody meets twice. */
export function randomId(): string {
  return base64url(crypto.getRandomValues(new Uint8Array(16)));
}
