/** The grant types that this deployment has switched on. */
export const grantTypeNames = ({ machineClients }: { machineClients?: unknown }) => [
  'authorization_code' as const,
  'refresh_token' as const,
  ...(machineClients === undefined ? [] : ['client_credentials' as const]),
];
