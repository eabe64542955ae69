import * as z from 'zod/mini';
import { sha256 } from '../../support/crypto.ts';
import { OAuthError } from '../oauth-error.ts';
import { type ClientAdmission, displayName } from './oauth-client.ts';
import { isLoopback, mayRegister } from './redirect-uri.ts';

/** A client that has registered itself. Times are epoch seconds. */
export type RegisteredClient = {
  id: string;
  /** What the client calls itself: nobody has checked it. */
  name: string;
  redirectUris: string[];
  createdAt: number;
  expiresAt: number;
};

/** Where registered clients live. Throws `Outage` when the store does not answer. */
export interface ClientStore {
  /** Puts the client; one that is there already keeps its date and its later expiry. */
  register(client: RegisteredClient): Promise<RegisteredClient>;
  /** @returns the client unless it is unknown or has expired */
  client(id: string, now: number): Promise<RegisteredClient | undefined>;
  /** Moves the expiry of a client that is in use; false when the client is unknown or has expired. */
  keep(id: string, now: number, expiresAt: number): Promise<boolean>;
}

/** A client that nobody signs in with is forgotten after a day; one in use, 90 days after its last sign-in. */
const UNUSED_SECONDS = 24 * 3600;
const USED_SECONDS = 90 * 24 * 3600;

const metadata = z.object({
  redirect_uris: z.array(z.string()).check(z.minLength(1), z.maxLength(20)),
  client_name: z.nullish(z.string().check(z.maxLength(500))),
  application_type: z.nullish(z.string().check(z.maxLength(20))),
});

/**
 * Dynamic client registration (RFC 7591 §3). The id is a digest of what was registered, so a client that registers
 * again gets the same id and the table holds one item for it. Every client is public: other authentication methods and
 * unknown metadata are answered with what was registered instead (§3.2.1).
 *
 * @param body the parsed JSON
 */
export async function registerClient(body: unknown, admission: ClientAdmission, clients: ClientStore, now: number) {
  if (admission.mode === 'off') {
    throw new OAuthError('access_denied', 'clients do not register themselves at this server');
  }
  const parsed = metadata.safeParse(body);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const where = issue?.path.join('.') || 'the body';
    throw new OAuthError('invalid_client_metadata', `${where}: ${issue?.message ?? 'is not client metadata'}`);
  }
  const redirectUris = [...new Set(parsed.data.redirect_uris)];
  const refused = redirectUris.find((uri) => !mayRegister(uri));
  if (refused !== undefined) {
    throw new OAuthError(
      'invalid_redirect_uri',
      `${shown(refused)} cannot be registered: use https, http on a loopback address, or an application's own scheme, without user, fragment or wildcard`,
    );
  }
  const uninvited = redirectUris.find((uri) => !allowsRedirect(admission, uri));
  if (uninvited !== undefined) {
    throw new OAuthError('invalid_redirect_uri', `${shown(uninvited)} is not among those that this server lets in`);
  }
  const name = displayName(parsed.data.client_name ?? undefined);
  const application = parsed.data.application_type ?? undefined;
  const id = `dcr_${await sha256(JSON.stringify([redirectUris.toSorted(), name, application ?? null]))}`;
  const client = await clients.register({ id, name, redirectUris, createdAt: now, expiresAt: now + UNUSED_SECONDS });
  return {
    client_id: client.id,
    client_id_issued_at: client.createdAt,
    client_name: client.name,
    redirect_uris: client.redirectUris,
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
    ...(application !== undefined && { application_type: application }),
  };
}

const shown = (uri: string) => JSON.stringify(uri.slice(0, 200));

/** Whether the id is of the kind that registration gives out: whoever has it is a public client, known or not. */
export const registeredItself = (id: string): boolean => id.startsWith('dcr_');

/** A digest in full. The store is not asked for anything else. */
export const formOfRegisteredId = /^dcr_[A-Za-z0-9_-]{43}$/;

/** Whether a client that comes of itself may be answered there: the list names hosts, and schemes of applications. */
export function allowsRedirect({ mode, allowed }: ClientAdmission, uri: string): boolean {
  if (mode !== 'allow-list') return mode === 'open';
  const { protocol, hostname } = new URL(uri);
  return allowed.includes(protocol === 'https:' || isLoopback(uri) ? hostname : protocol.slice(0, -1));
}

/** Notes that a registered client was signed in with; false when it is no longer known. */
export const noteUse = (id: string, clients: ClientStore, now: number): Promise<boolean> =>
  clients.keep(id, now, now + USED_SECONDS);
