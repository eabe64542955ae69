/** The settings of a deployment that the command line needs to read its table. */
export type DeployedSettings = {
  retentionDays: number;
  grantIdleSeconds: number;
  sessionTtlSeconds: number;
  /** Whether the identity provider keeps the grants; absent when the template is not readable. */
  isDirect?: boolean;
};

/** Used without the template. The retention is the longest possible, so that a search misses no call. */
export const defaultSettings: DeployedSettings = {
  retentionDays: 400,
  grantIdleSeconds: 30 * 86_400,
  sessionTtlSeconds: 86_400,
};

type Resource = { Type: string; Properties?: { Environment?: { Variables?: Record<string, unknown> } } };

/** Reads the settings from the environment of the functions, the one place where the stack writes them. */
export function settingsIn(template: string): DeployedSettings {
  const { Resources } = JSON.parse(template) as { Resources: Record<string, Resource> };
  const variables: Record<string, unknown> = {};
  for (const { Type, Properties } of Object.values(Resources)) {
    if (Type === 'AWS::Lambda::Function') Object.assign(variables, Properties?.Environment?.Variables);
  }
  const number = (name: string, unit: number, byDefault: number) => {
    const value = Number(variables[name]) * unit;
    return value > 0 ? value : byDefault;
  };
  return {
    retentionDays: number('AUDIT_RETENTION_DAYS', 1, defaultSettings.retentionDays),
    grantIdleSeconds: number('GRANT_IDLE_DAYS', 86_400, defaultSettings.grantIdleSeconds),
    sessionTtlSeconds: number('MCP_SESSION_TTL_HOURS', 3600, defaultSettings.sessionTtlSeconds),
    isDirect: 'DIRECT_ISSUER' in variables,
  };
}
