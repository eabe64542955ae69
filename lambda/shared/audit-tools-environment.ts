import { dashboardVariables, type FunctionEnvironment, mcpVariables } from './environment.ts';

/**
 * Variables of the function of the audit tools: an MCP endpoint, for the admins of the dashboard. In a separate file, because
 * the bundles of other functions would contain them.
 */
export const auditToolsVariables = {
  PUBLIC_URL: mcpVariables.PUBLIC_URL,
  TABLE_NAME: mcpVariables.TABLE_NAME,
  ADMINS_GROUP: dashboardVariables.ADMINS_GROUP,
  MCP_SESSION_TTL_HOURS: mcpVariables.MCP_SESSION_TTL_HOURS,
  MCP_SESSION_TTL_HOURS_BY_GROUP: mcpVariables.MCP_SESSION_TTL_HOURS_BY_GROUP,
  STALE_SESSION: mcpVariables.STALE_SESSION,
  ALLOWED_ORIGINS: mcpVariables.ALLOWED_ORIGINS,
  AUDIT_ARGUMENTS: mcpVariables.AUDIT_ARGUMENTS,
  AUDIT_ERRORS: mcpVariables.AUDIT_ERRORS,
  AUDIT_RETENTION_DAYS: mcpVariables.AUDIT_RETENTION_DAYS,
};

export type AuditToolsEnvironment = FunctionEnvironment<typeof auditToolsVariables>;
