import type { JSONRPCRequest } from '@modelcontextprotocol/server';
import { base64url, bytes, fromBase64url } from '../../support/crypto.ts';
import type { SharedKey } from '../../support/sealed-key.ts';

/** How long a client may take to return the state: its user may have to answer an elicitation. */
const LIFETIME_SECONDS = 3600;
/** Largest state that is decrypted and parsed, in characters. */
const LONGEST = 256 * 1024;

const form = /^hrs1\.([A-Za-z0-9_-]{16})\.([A-Za-z0-9_-]+)$/;

/**
 * Seals the state that a tool hands to its client until the user has answered (`requestState`, MCP 2026-07-28,
 * multi-round-trip requests). The client can neither read nor change it, nor return it for another user, tool or arguments
 * or after an hour: it is encrypted and authenticated for all of these, under a key of the deployment.
 */
export class RequestStates {
  readonly #key: SharedKey;
  readonly #now: () => number;

  /** @param now epoch seconds */
  constructor(key: SharedKey, now: () => number) {
    this.#key = key;
    this.#now = now;
  }

  async seal(state: string, user: string, request: JSONRPCRequest): Promise<string> {
    const nonce = crypto.getRandomValues(new Uint8Array(12));
    const text = bytes(JSON.stringify({ state, expiresAt: this.#now() + LIFETIME_SECONDS }));
    const sealed = await crypto.subtle.encrypt(algorithm(nonce, user, request), await this.#key.load(), text);
    return `hrs1.${base64url(nonce)}.${base64url(new Uint8Array(sealed))}`;
  }

  /** @returns undefined when it was sealed for another request or user, was changed, or has expired */
  async open(sealed: string, user: string, request: JSONRPCRequest): Promise<string | undefined> {
    const [, nonce, ciphertext] = sealed.length <= LONGEST ? (form.exec(sealed) ?? []) : [];
    if (nonce === undefined || ciphertext === undefined) return undefined;
    const key = await this.#key.load();
    try {
      const from = algorithm(fromBase64url(nonce), user, request);
      const text = await crypto.subtle.decrypt(from, key, fromBase64url(ciphertext));
      const { state, expiresAt } = JSON.parse(new TextDecoder().decode(text));
      return expiresAt > this.#now() ? state : undefined;
    } catch (error) {
      if (error instanceof DOMException) return undefined;
      throw error;
    }
  }
}

function algorithm(iv: Uint8Array<ArrayBuffer>, user: string, { method, params }: JSONRPCRequest) {
  const { name, uri, arguments: given } = params ?? {};
  return { name: 'AES-GCM', iv, additionalData: bytes(canonical([user, method, name ?? uri ?? null, given ?? {}])) };
}

/** JSON with sorted members: a client may serialize its arguments in another order the second time. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) =>
    member !== null && typeof member === 'object' && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
}
