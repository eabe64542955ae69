/** What the owner has set for the deployment, as far as it says how to read the table. */
export type Settings = {
  retentionDays: number;
  grantIdleSeconds: number;
  sessionTtlSeconds: number;
  /** Whether grants are the identity provider's; absent when it is not known. */
  isDirect?: boolean;
};

/** Where nobody may read the template: calls are looked for as far back as there can be any. */
export const unknownSettings: Settings = {
  retentionDays: 400,
  grantIdleSeconds: 30 * 86_400,
  sessionTtlSeconds: 86_400,
};

type Resource = { Type: string; Properties?: { Environment?: { Variables?: Record<string, unknown> } } };

/** The functions are told by their environment, so the template says it all, and nothing has to be said twice. */
export function settingsIn(template: string): Settings {
  const { Resources } = JSON.parse(template) as { Resources: Record<string, Resource> };
  const variables: Record<string, unknown> = {};
  for (const { Type, Properties } of Object.values(Resources)) {
    if (Type === 'AWS::Lambda::Function') Object.assign(variables, Properties?.Environment?.Variables);
  }
  const number = (name: string, unit: number, otherwise: number) => {
    const value = Number(variables[name]) * unit;
    return value > 0 ? value : otherwise;
  };
  return {
    retentionDays: number('AUDIT_RETENTION_DAYS', 1, unknownSettings.retentionDays),
    grantIdleSeconds: number('GRANT_IDLE_DAYS', 86_400, unknownSettings.grantIdleSeconds),
    sessionTtlSeconds: number('MCP_SESSION_TTL_HOURS', 3600, unknownSettings.sessionTtlSeconds),
    isDirect: 'DIRECT_ISSUER' in variables,
  };
}
