import * as z from 'zod/mini';
import { publicKeySet } from '../clients/client-document.ts';
import type { EnterpriseIssuer } from './enterprise-assertion.ts';
import type { WorkloadRule } from './workload-rule.ts';

/** Trusted issuers of the settings, as the stack passes them to the function. */

const trusted = { issuer: z.string(), jwks: z.optional(publicKeySet), jwksUri: z.optional(z.string()) };

const workloads = z.array(
  z.object({
    ...trusted,
    name: z.string(),
    subject: z.string().check(z.minLength(1)),
    scopes: z.array(z.string()),
    audience: z.optional(z.string()),
    singleUse: z.boolean(),
  }),
);

const enterpriseIssuers = z.array(
  z.object({ ...trusted, clients: z.optional(z.array(z.string())), hasGroups: z.optional(z.boolean()) }),
);

/** @throws ZodError */
export const readWorkloads = (json: unknown): WorkloadRule[] => workloads.parse(json) as WorkloadRule[];

/** @throws ZodError */
export const readEnterpriseIssuers = (json: unknown): EnterpriseIssuer[] =>
  enterpriseIssuers.parse(json) as EnterpriseIssuer[];
