import type { JSONWebKeySet } from 'jose';

/** Who stands behind a client, as far as that is known. */
export type ClientIdentity =
  /** The client describes itself at an address of this domain, so whoever holds the domain vouches for it. */
  | { kind: 'domain'; domain: string }
  /** The owner of the deployment has set it up. */
  | { kind: 'configured' }
  /** Nobody: it came and gave itself a name. */
  | { kind: 'self-registered' };

/** The public keys of a client that signs its requests (`private_key_jwt`), or where they are. */
export type ClientKeys = { jwks: JSONWebKeySet } | { jwksUri: string };

/** An MCP client as OAuth knows it, however it came to be known. */
export type Client = {
  id: string;
  /** Fit to be shown. Who answers for it is another matter: see `identity`. */
  name: string;
  redirectUris: string[];
  identity: ClientIdentity;
  /** Absent for a public client. */
  keys?: ClientKeys;
  /** When a client that registered itself will be forgotten, in epoch seconds. */
  expiresAt?: number;
};

/** Which clients come in of themselves. `allowed` counts in the mode `allow-list` alone. */
export type ClientAdmission = { mode: 'open' | 'allow-list' | 'off'; allowed: string[] };

/** A client that the owner has set up. */
export type PreregisteredClient = { id: string; name: string; redirectUris: string[]; jwks?: JSONWebKeySet };

const LONGEST_NAME = 80;

/** A name fit to be shown: invisible and direction-changing characters removed, shortened. */
export function displayName(name = ''): string {
  const visible = name
    .normalize('NFC')
    .replace(/[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]/gu, '')
    .trim();
  const characters = Array.from(visible);
  if (characters.length > LONGEST_NAME) return `${characters.slice(0, LONGEST_NAME - 1).join('')}…`;
  return visible || 'Unnamed client';
}
