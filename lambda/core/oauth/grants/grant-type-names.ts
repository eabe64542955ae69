/** The JWT bearer grant (RFC 7523 §2.1). */
export const ASSERTION_GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

/** The settings of grants without a sign-in; each is absent where it is off. */
export type GrantSwitches = { machineClients?: unknown; workloads?: unknown; enterpriseIssuers?: unknown };

/** The grant types that this deployment has switched on. */
export const grantTypeNames = ({ machineClients, workloads, enterpriseIssuers }: GrantSwitches) => [
  'authorization_code' as const,
  'refresh_token' as const,
  ...(machineClients === undefined ? [] : ['client_credentials' as const]),
  ...(workloads === undefined && enterpriseIssuers === undefined ? [] : ([ASSERTION_GRANT] as const)),
];
