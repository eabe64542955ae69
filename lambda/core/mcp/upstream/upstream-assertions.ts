import { type Clock, epochSeconds } from '../../support/clock.ts';
import { base64url, bytes } from '../../support/crypto.ts';
import type { ToolContext } from '../tool-context.ts';

/** Signs with a key of the deployment that signs nothing else. Throws `ServiceUnavailableError` when it does not respond. */
export interface AssertionSigner {
  /** The `kid` in the published key set: the thumbprint of the public key. */
  keyId(): Promise<string>;
  /** The ES256 signature over the bytes, as `r ‖ s` (RFC 7518 §3.4). */
  sign(data: Uint8Array): Promise<Uint8Array>;
}

/** The user of a call, as far as an assertion names it. */
export type AssertedContext = Pick<ToolContext, 'user' | 'client' | 'session' | 'scopes'>;

/** Differs from the type of access tokens, so that neither passes as the other (RFC 8725 §3.11). */
const TYPE = 'upstream-assertion+jwt';
const LIFETIME_SECONDS = 60;
/** An assertion is used again until it has this long left: the clock of the upstream server may be ahead. */
const MARGIN_SECONDS = 30;
const MOST_ASSERTIONS = 500;

const encode = (part: object) => base64url(bytes(JSON.stringify(part)));

/**
 * Assertions of users for upstream servers (RFC 7519): short-lived, for one audience, and signed. The user is an opaque key;
 * neither subject nor token of the identity provider leaves the deployment.
 */
export class UpstreamAssertions {
  readonly #issuer: string;
  readonly #signer: AssertionSigner;
  readonly #clock: Pick<Clock, 'now'>;
  /** By claims, so that each belongs to one user, client, session and audience. */
  readonly #signed = new Map<string, { assertion: Promise<string>; until: number }>();

  constructor(issuer: string, signer: AssertionSigner, clock: Pick<Clock, 'now'>) {
    this.#issuer = issuer;
    this.#signer = signer;
    this.#clock = clock;
  }

  /** An assertion that is valid for 30 to 60 seconds. */
  of({ user, client, session, scopes }: AssertedContext, audience: string): Promise<string> {
    const claims = {
      iss: this.#issuer,
      aud: audience,
      sub: user.key,
      client_id: client.id,
      session_id: session.id,
      groups: user.groups,
      scope: scopes.join(' '),
    };
    const name = JSON.stringify(claims);
    const now = epochSeconds(this.#clock);
    const known = this.#signed.get(name);
    if (known && known.until > now) return known.assertion;
    if (this.#signed.size >= MOST_ASSERTIONS) this.#signed.clear();
    const assertion = this.#sign({ ...claims, iat: now, exp: now + LIFETIME_SECONDS });
    this.#signed.set(name, { assertion, until: now + LIFETIME_SECONDS - MARGIN_SECONDS });
    assertion.catch(() => this.#signed.delete(name));
    return assertion;
  }

  async #sign(claims: object): Promise<string> {
    const kid = await this.#signer.keyId();
    const content = `${encode({ alg: 'ES256', typ: TYPE, kid })}.${encode(claims)}`;
    return `${content}.${base64url(await this.#signer.sign(bytes(content)))}`;
  }
}
