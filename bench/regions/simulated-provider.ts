import {
  SignInRefusedError,
  type UpstreamProvider,
  type UpstreamTokens,
} from '../../lambda/core/identity/upstream-provider.ts';

const LIFETIME_SECONDS = 3600;

/**
 * An identity provider that keeps its refresh tokens, or rotates them and then ends the grant when a superseded one is
 * presented (RFC 9700 §4.14.2), without the seconds of tolerance that some providers have.
 */
export class SimulatedProvider {
  rotates = false;
  readonly #now: () => number;
  /** The valid refresh token of each family; undefined once the family has ended. */
  readonly #valid = new Map<string, number | undefined>();

  /** @param now epoch seconds */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** The tokens of a sign-in. */
  issue(family: string): UpstreamTokens {
    this.#valid.set(family, 1);
    return this.#tokens(family, 1);
  }

  readonly refresh: UpstreamProvider['refresh'] = async (refreshToken) => {
    const [family = '', generation] = refreshToken.split(' ');
    const isValid = this.#valid.get(family) === Number(generation);
    const next = isValid ? Number(generation) + (this.rotates ? 1 : 0) : undefined;
    this.#valid.set(family, next);
    if (next === undefined) throw new SignInRefusedError('invalid_grant');
    return { ...this.#tokens(family, next), groups: [] };
  };

  #tokens(family: string, generation: number): UpstreamTokens {
    return {
      accessToken: `access ${family}`,
      expiresAt: this.#now() + LIFETIME_SECONDS,
      refreshToken: `${family} ${generation}`,
    };
  }
}
