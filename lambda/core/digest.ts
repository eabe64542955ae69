import { base64url } from 'jose';

const encoder = new TextEncoder();

export const bytes = (text: string): Uint8Array<ArrayBuffer> => encoder.encode(text);

/** SHA-256 of the UTF-8 text, base64url: what stands in the store in place of codes, states, handles and cookies. */
export async function sha256(text: string): Promise<string> {
  return base64url.encode(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes(text))));
}

/** 256 random bits, base64url: 43 characters that nobody guesses. */
export function randomToken(): string {
  return base64url.encode(crypto.getRandomValues(new Uint8Array(32)));
}

/** 128 random bits, base64url: an identifier that nobody meets twice. */
export function randomId(): string {
  return base64url.encode(crypto.getRandomValues(new Uint8Array(16)));
}
