import { Duration, Token } from 'aws-cdk-lib/core';
import type { ScopeSet } from '../../../lambda/shared/scope-set.ts';
import { hasSyntax, quoted, validateDuration, type WithDefaults } from '../setting-validation.ts';
import { type PublicJwk, validateKeys } from './public-keys.ts';

/** A machine client that authenticates with its key (`private_key_jwt`, RFC 7523 §2.2). */
export interface ConfiguredMachineClient {
  /**
   * Its public keys.
   * @default - those at `jwksUri`
   */
  readonly jwks?: { readonly keys: PublicJwk[] };
  /**
   * The https URL of its key set, at a public address.
   * @default - `jwks`
   */
  readonly jwksUri?: string;
  /** The scopes that it may request; without a scope in its request it has them all. */
  readonly scopes: string[];
}

/** Clients that act for themselves, without a user (`io.modelcontextprotocol/oauth-client-credentials`). */
export interface MachineClientSettings {
  /**
   * Machine clients by their `client_id`. An empty object admits those alone that `npx holdfast clients add` adds.
   * @default - off: the server issues no tokens for client credentials
   */
  readonly machineClients?: Readonly<Record<string, ConfiguredMachineClient>>;
  /**
   * Lifetime of an access token that no sign-in gives. There is no refresh token.
   * @default Duration.minutes(60)
   */
  readonly machineTokenTtl?: Duration;
}

export const machineClientDefaults = {
  machineTokenTtl: Duration.minutes(60),
} satisfies MachineClientSettings;

type ResolvedMachineSettings = WithDefaults<MachineClientSettings, typeof machineClientDefaults>;

const idSyntax = /^[a-z][a-z0-9-]{0,62}$/;
const keySetSyntax = /^https:\/\/[^\s#@]+$/;

/** The clients as the OAuth function reads them; `undefined` where they are off. */
export const machineClientList = ({ machineClients }: MachineClientSettings): string | undefined =>
  machineClients && JSON.stringify(Object.entries(machineClients).map(([id, client]) => ({ ...client, id })));

/** Yields an error message for each invalid setting. */
export function* validateMachineClients(
  settings: ResolvedMachineSettings & {
    scopes: ScopeSet;
    clients: readonly { id: string }[];
    identityProvider?: { mode?: string } | undefined;
  },
): Generator<string> {
  const { machineClients, clients, scopes, identityProvider } = settings;
  yield* validateDuration('machineTokenTtl', settings.machineTokenTtl, {
    min: Duration.minutes(5),
    max: Duration.minutes(60),
    reason: 'a token that no sign-in gives must expire soon',
  });
  if (machineClients === undefined) return;
  if (identityProvider?.mode === 'direct') {
    yield 'machineClients is set, but in direct mode the identity provider issues all tokens: remove it';
  }
  for (const [id, client] of Object.entries(machineClients)) {
    const name = `machineClients[${quoted(id)}]`;
    if (!idSyntax.test(id)) yield `${name}: name it with a-z, 0-9 and -, such as nightly-report`;
    if (clients.some((each) => each.id === id)) yield `${name}: a client of clients has this id; choose another one`;
    yield* validateMachineKeys(name, client);
    yield* validateAllowedScopes(`${name}.scopes`, client.scopes, scopes);
  }
}

function* validateMachineKeys(name: string, { jwks, jwksUri }: ConfiguredMachineClient): Generator<string> {
  if ((jwks === undefined) === (jwksUri === undefined)) yield `${name} needs jwks or jwksUri, not both`;
  if (jwks !== undefined) yield* validateKeys(`${name}.jwks`, jwks.keys);
  if (jwksUri !== undefined && !hasSyntax(keySetSyntax, jwksUri)) {
    yield `${name}.jwksUri is ${quoted(jwksUri)}: write an https URL`;
  }
}

/** Yields an error message unless the scopes exist. */
export function* validateAllowedScopes(name: string, allowed: readonly string[], set: ScopeSet): Generator<string> {
  if (!Array.isArray(allowed) || allowed.length === 0) return yield `${name} is empty: list the scopes of its tokens`;
  for (const scope of allowed) {
    if (!Token.isUnresolved(scope) && !Object.hasOwn(set.scopes, scope)) {
      yield `${name} has ${quoted(scope)}: choose from ${Object.keys(set.scopes).join(', ')}`;
    }
  }
}
