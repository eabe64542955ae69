import { resolve, resourcesOf, synthesize } from '../support/synthesized-template.ts';

/** The functions of a deployment with defaults as a whole: each variable with its unit, memory in MB, and timeout in seconds. */

const publicUrl = { PUBLIC_URL: 'https://d111111abcdef8.cloudfront.net' };
const table = { TABLE_NAME: 'ref-Table710B521B' };
const keySet = { ACCESS_TOKEN_KEYS: '{"keys":[{"kid":"key"}]}' };
const sealKey = { SEAL_KEY_ID: 'ref-SealKeyC5072D71' };

const server = {
  ...publicUrl,
  ...table,
  ...sealKey,
  MCP_SESSION_TTL_HOURS: '24',
  STALE_SESSION: 'renew',
  TASK_TTL_HOURS: '24',
  // Nine tenths of the tool timeout.
  HOLD_SECONDS: '270',
  AUDIT_METHODS: 'tools',
  AUDIT_ARGUMENTS: 'no',
  AUDIT_ERRORS: 'class',
  AUDIT_RETENTION_DAYS: '30',
};

const defaults = {
  Authorizer: { memory: 256, timeout: 10, variables: { ...publicUrl, ...keySet } },
  Mcp: { memory: 512, timeout: 300, variables: { ...server, WORKER_FUNCTION: 'ref-WorkerFunctionAF8A26AF' } },
  Worker: { memory: 512, timeout: 900, variables: server },
  OAuth: {
    memory: 512,
    timeout: 28,
    variables: {
      ...publicUrl,
      ...table,
      ...sealKey,
      SIGN_KEY_ID: 'ref-SigningKey49B95470',
      ...keySet,
      IDP_ISSUER: 'UsersPoolBFC35D3B.ProviderURL',
      IDP_CLIENT_ID: 'ref-UsersPoolFacadeEB0659B6',
      IDP_AUTHENTICATION: 'none',
      IDP_GROUP_CLAIMS: 'cognito:groups',
      IDP_GROUPS: '["admins","*"]',
      IDP_SCOPES: 'openid profile email',
      IDP_PARAMETERS: '',
      IDP_DASHBOARD_SCOPES: 'openid profile email',
      IDP_DASHBOARD_PARAMETERS: '',
      IDP_REVOKES: 'true',
      IDP_NAME: 'Amazon Cognito',
      AUDIT_ARGUMENTS: 'no',
      AUDIT_ERRORS: 'class',
      ACCESS_TOKEN_MINUTES: '60',
      GRANT_IDLE_DAYS: '30',
      GRANT_ABSOLUTE_DAYS: '90',
      REFRESH_WINDOW_SECONDS: '120',
      REDIRECT_SCHEMES: 'claude cursor vscode vscode-insiders',
      CLIENTS: '[]',
      CLIENT_DOCUMENTS: 'open',
      CLIENT_DOCUMENT_HOSTS: '',
      DASHBOARD: 'true',
      DYNAMIC_REGISTRATION: 'open',
      DYNAMIC_REGISTRATION_REDIRECTS: '',
    },
  },
  Dashboard: {
    memory: 512,
    timeout: 28,
    variables: {
      ...publicUrl,
      ...table,
      ADMINS_GROUP: 'admins',
      AUDIT_RETENTION_DAYS: '30',
      GRANT_IDLE_DAYS: '30',
      MCP_SESSION_TTL_HOURS: '24',
    },
  },
  PublicKeys: { memory: 256, timeout: 60, variables: {} },
  Rollup: { memory: 512, timeout: 240, variables: { ...table, AUDIT_RETENTION_DAYS: '30' } },
};

test('each function has its default memory, timeout and variables', () => {
  const functions = resourcesOf(synthesize(), 'AWS::Lambda::Function').map(([id, { Properties }]) => [
    id.replace(/Function[0-9A-F]{8}$/, ''),
    {
      memory: Properties.MemorySize,
      timeout: Properties.Timeout,
      variables: resolve(Properties.Environment?.Variables ?? {}),
    },
  ]);
  expect(Object.fromEntries(functions)).toEqual(defaults);
});
