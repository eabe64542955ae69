import type { JSONWebKeySet } from 'jose';
import { shorten, visibleText } from '../../support/untrusted-text.ts';

/** How far the identity of a client is verified. */
export type ClientIdentity =
  /** The client's document is at a URL of this domain, so the holder of the domain vouches for it. */
  | { kind: 'domain'; domain: string }
  /** The operator registered it. */
  | { kind: 'configured' }
  /** Unverified: it registered dynamically and chose its name. */
  | { kind: 'self-registered' };

/** The public keys of a client that authenticates by `private_key_jwt`, or the URL of its key set. */
export type ClientKeys = { jwks: JSONWebKeySet } | { jwksUri: string };

/** An OAuth client, whichever way it was registered. */
export type Client = {
  id: string;
  /** Safe to show. `identity` says how far it is verified. */
  name: string;
  redirectUris: string[];
  identity: ClientIdentity;
  /** Absent for a public client. */
  keys?: ClientKeys;
  /** When a dynamic registration expires, in epoch seconds. */
  expiresAt?: number;
};

/** Which clients are admitted without the operator registering them. `allowed` counts in mode `allow-list` alone. */
export type ClientAdmission = { mode: 'open' | 'allow-list' | 'off'; allowed: string[] };

/** A client that the operator registered. */
export type PreregisteredClient = { id: string; name: string; redirectUris: string[]; jwks?: JSONWebKeySet };

const LONGEST_NAME = 80;

/** A name that is safe to show: invisible and direction-changing characters removed, shortened. */
export const displayName = (name = ''): string => shorten(visibleText(name), LONGEST_NAME) || 'Unnamed client';
