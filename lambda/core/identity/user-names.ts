import { base64url, bytes, fromBase64url } from '../support/crypto.ts';
import type { SharedKey } from '../support/sealed-key.ts';

/**
 * Names of users at the identity provider, for the dashboard. Stored only with the setting `showNames`, and sealed, so that
 * access to the table alone discloses no name.
 */
export class UserNames {
  readonly #key: SharedKey;

  constructor(key: SharedKey) {
    this.#key = key;
  }

  /** Fetches the key in advance, so that `seal` cannot fail. Throws `ServiceUnavailableError`. */
  async load(): Promise<void> {
    await this.#key.load();
  }

  async seal(name: string, user: string): Promise<string> {
    const iv = crypto.getRandomValues(new Uint8Array(12));
    const sealed = await crypto.subtle.encrypt(algorithm(iv, user), await this.#key.load(), bytes(name));
    return `${base64url(iv)}.${base64url(new Uint8Array(sealed))}`;
  }

  /** @returns undefined for a name that was sealed for another user or changed */
  async open(sealed: string, user: string): Promise<string | undefined> {
    const [iv = '', text = ''] = sealed.split('.');
    const key = await this.#key.load();
    try {
      const name = await crypto.subtle.decrypt(algorithm(fromBase64url(iv), user), key, fromBase64url(text));
      return new TextDecoder().decode(name);
    } catch (error) {
      if (error instanceof DOMException) return undefined;
      throw error;
    }
  }
}

const algorithm = (iv: Uint8Array<ArrayBuffer>, user: string) => ({
  name: 'AES-GCM',
  iv,
  additionalData: bytes(user),
});
