import * as z from 'zod/mini';
import { pointsToLoopback } from '../../../shared/loopback.ts';
import { redirectUriFault, redirectUseFault } from '../../../shared/redirect-uri-rules.ts';
import { sha256 } from '../../support/crypto.ts';
import { oauthError } from '../oauth-error.ts';
import { type ClientAdmission, displayName } from './oauth-client.ts';
import { mayUse } from './redirect-uri.ts';

/** A client that registered dynamically. Times are epoch seconds. */
export type RegisteredClient = {
  id: string;
  /** The name that the client chose; unverified. */
  name: string;
  redirectUris: string[];
  createdAt: number;
  expiresAt: number;
};

/** Registered clients. Throws `ServiceUnavailableError` when the store does not respond. */
export interface ClientStore {
  /** Stores the client; an existing one keeps its creation date and its later expiry. */
  register(client: RegisteredClient): Promise<RegisteredClient>;
  /** @returns the client unless it is unknown or expired */
  find(id: string, now: number): Promise<RegisteredClient | undefined>;
  /** Extends the expiry of a client; false when it is unknown or expired. */
  extend(id: string, now: number, expiresAt: number): Promise<boolean>;
}

const DAY_SECONDS = 24 * 3600;
/** People register, go home and approve on Monday; a used registration outlives the last grant of its client by as long. */
const UNUSED_SECONDS = 30 * DAY_SECONDS;

const metadata = z.object({
  redirect_uris: z.array(z.string()).check(z.minLength(1), z.maxLength(20)),
  client_name: z.nullish(z.string()),
  application_type: z.nullish(z.string()),
});

/** In characters. The value is stored and returned; those that specifications define are shorter. */
const LONGEST_APPLICATION_TYPE = 20;

/**
 * Dynamic client registration (RFC 7591 §3). The id is a digest of the registered metadata, so a client that registers
 * again gets the same id and the table holds one item for it. Every client is public: a request for another
 * authentication method or with unknown metadata is answered with the registered values instead (§3.2.1), and a redirect
 * URI that is not usable here may stand beside one that is.
 *
 * @param body the parsed JSON
 * @param rules.schemes the redirect schemes of native applications that the operator allows
 */
export async function registerClient(
  body: unknown,
  { admission, schemes }: { admission: ClientAdmission; schemes: readonly string[] },
  clients: ClientStore,
  now: number,
) {
  if (admission.mode === 'off') throw oauthError('registration_disabled');
  const parsed = metadata.safeParse(body);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw oauthError('registration_invalid', issue?.path.join('.') || 'body', issue?.message ?? 'not client metadata');
  }
  const redirectUris = [...new Set(parsed.data.redirect_uris)];
  for (const uri of redirectUris) {
    const fault = redirectUriFault(uri);
    if (fault !== undefined) throw oauthError('redirect_uri_invalid', uri, fault);
  }
  const usable = redirectUris.filter((uri) => mayUse(uri, schemes));
  const [first = ''] = redirectUris;
  if (usable.length === 0) throw oauthError('redirect_uri_invalid', first, redirectUseFault(first, schemes)!);
  const unlisted = usable.find((uri) => !allowsRedirect(admission, uri));
  if (unlisted !== undefined) throw oauthError('redirect_uri_not_listed', unlisted);
  const name = displayName(parsed.data.client_name ?? undefined);
  const type = parsed.data.application_type;
  const application = type && type.length <= LONGEST_APPLICATION_TYPE ? type : undefined;
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

/** A registered client's id in full: prefix and digest. Only such ids are looked up in the store. */
export const dynamicClientId = /^dcr_[A-Za-z0-9_-]{43}$/;

/** Whether the allow-list permits the redirect URI: by its host, or by its scheme for a native application. */
export function allowsRedirect({ mode, allowed }: ClientAdmission, uri: string): boolean {
  if (mode !== 'allow-list') return mode === 'open';
  const { protocol, hostname } = new URL(uri);
  return allowed.includes(protocol === 'https:' || pointsToLoopback(uri) ? hostname : protocol.slice(0, -1));
}

/**
 * Extends the registration of a client at a sign-in and at a refresh, once a day.
 * @returns false when it is unknown or expired
 */
export async function extendRegistration(
  { id, expiresAt }: { id: string; expiresAt?: number | undefined },
  { clients, now, rules }: { clients: ClientStore; now: () => number; rules: { grantAbsoluteSeconds: number } },
): Promise<boolean> {
  const until = now() + rules.grantAbsoluteSeconds + UNUSED_SECONDS;
  return (expiresAt ?? 0) > until - DAY_SECONDS || clients.extend(id, now(), until);
}
