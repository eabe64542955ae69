import type { JSONWebKeySet } from 'jose';
import * as z from 'zod/mini';
import { publicKeySet } from './client-document.ts';
import type { MachineClient } from './machine-client.ts';
import type { PreregisteredClient } from './oauth-client.ts';

/** Clients of the settings, as the stack passes them to the function. */

const preregisteredClients = z.array(
  z.object({
    id: z.string().check(z.minLength(1)),
    name: z.string().check(z.minLength(1)),
    redirectUris: z.array(z.string()).check(z.minLength(1)),
    jwks: z.optional(publicKeySet),
  }),
);

/** Parses the clients that the operator registered. @throws ZodError */
export const readPreregisteredClients = (json: unknown): PreregisteredClient[] =>
  preregisteredClients.parse(json) as PreregisteredClient[];

const machineClients = z.array(
  z.object({
    id: z.string().check(z.minLength(1)),
    scopes: z.array(z.string()).check(z.minLength(1)),
    jwks: z.optional(publicKeySet),
    jwksUri: z.optional(z.string()),
  }),
);

/** Parses the machine clients of the settings, which authenticate with their keys. @throws ZodError */
export const readMachineClients = (json: unknown): MachineClient[] =>
  machineClients.parse(json).map(({ id, scopes, jwks, jwksUri }) => ({
    id,
    name: id,
    scopes,
    keys: jwksUri === undefined ? { jwks: jwks as JSONWebKeySet } : { jwksUri },
  }));
