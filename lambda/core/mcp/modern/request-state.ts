import type { JSONRPCRequest } from '@modelcontextprotocol/server';
import { base64url, bytes, fromBase64url, sha256 } from '../../support/crypto.ts';
import type { SharedKey } from '../../support/sealed-key.ts';

/** How long a client may take to return the state: its user may have to answer an elicitation. */
const LIFETIME_SECONDS = 3600;
/** How long a client that lost the response may repeat the request that returned the state. */
const REPEAT_SECONDS = 120;
/** Largest state that is decrypted and parsed, in characters. */
const LONGEST = 256 * 1024;

const form = /^hrs1\.([A-Za-z0-9_-]{16})\.([A-Za-z0-9_-]+)$/;

/** The first use of a state. Times are epoch seconds. */
export type UsedRequestState = {
  /** Identifies the state. */
  nonce: string;
  /** Digest of the input responses that came with it. */
  inputs: string;
  usedAt: number;
  /** The end of the state itself. */
  expiresAt: number;
};

/** Stores which states were used. Throws `ServiceUnavailableError` when the store does not answer. */
export interface RequestStateStore {
  /** Stores the use unless an earlier one of the same state is stored. @returns the first use */
  useRequestState(grant: string, use: UsedRequestState): Promise<UsedRequestState>;
}

/**
 * Seals the state that a tool hands to its client until the user has answered (`requestState`, MCP 2026-07-28,
 * multi-round-trip requests). The client can neither read nor change it, nor return it under another grant (a grant has one
 * user and one client), for another tool or other arguments, or after an hour: it is encrypted and authenticated for all of
 * these, under a key of the deployment.
 *
 * It is used once, with one set of input responses. The first use is recorded, at one write, so that the same request can be
 * repeated for two minutes after a lost response.
 */
export class RequestStates {
  readonly #key: SharedKey;
  readonly #store: RequestStateStore;
  readonly #now: () => number;

  /** @param now epoch seconds */
  constructor(key: SharedKey, store: RequestStateStore, now: () => number) {
    this.#key = key;
    this.#store = store;
    this.#now = now;
  }

  async seal(state: string, grant: string, request: JSONRPCRequest): Promise<string> {
    const nonce = crypto.getRandomValues(new Uint8Array(12));
    const text = bytes(JSON.stringify({ state, expiresAt: this.#now() + LIFETIME_SECONDS }));
    const sealed = await crypto.subtle.encrypt(algorithm(nonce, grant, request), await this.#key.load(), text);
    return `hrs1.${base64url(nonce)}.${base64url(new Uint8Array(sealed))}`;
  }

  /**
   * Uses the state.
   *
   * @returns undefined when it was sealed for another request or grant, was changed or used, or has expired
   */
  async open(sealed: string, grant: string, request: JSONRPCRequest): Promise<string | undefined> {
    const [, nonce, ciphertext] = sealed.length <= LONGEST ? (form.exec(sealed) ?? []) : [];
    if (nonce === undefined || ciphertext === undefined) return undefined;
    const opened = await this.#decrypt(nonce, ciphertext, grant, request);
    const now = this.#now();
    if (!opened || opened.expiresAt <= now) return undefined;
    const inputs = await sha256(canonical(request.params?.inputResponses ?? {}));
    const use = { nonce, inputs, usedAt: now, expiresAt: opened.expiresAt };
    const first = await this.#store.useRequestState(grant, use);
    return first.inputs === inputs && now - first.usedAt <= REPEAT_SECONDS ? opened.state : undefined;
  }

  async #decrypt(
    nonce: string,
    ciphertext: string,
    grant: string,
    request: JSONRPCRequest,
  ): Promise<{ state: string; expiresAt: number } | undefined> {
    const key = await this.#key.load();
    try {
      const from = algorithm(fromBase64url(nonce), grant, request);
      const text = await crypto.subtle.decrypt(from, key, fromBase64url(ciphertext));
      return JSON.parse(new TextDecoder().decode(text));
    } catch (error) {
      if (error instanceof DOMException) return undefined;
      throw error;
    }
  }
}

function algorithm(iv: Uint8Array<ArrayBuffer>, grant: string, { method, params }: JSONRPCRequest) {
  const { name, uri, arguments: given } = params ?? {};
  return { name: 'AES-GCM', iv, additionalData: bytes(canonical([grant, method, name ?? uri ?? null, given ?? {}])) };
}

/** JSON with sorted members: a client may serialize its arguments in another order the second time. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) =>
    member !== null && typeof member === 'object' && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
}
