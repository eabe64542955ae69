import { AUDIT_SCOPE } from '../../lambda/shared/scope-set.ts';
import type { ServerSettings } from './server-settings.ts';
import { validateChoice, type WithDefaults } from './setting-validation.ts';
import type { SignInSettings } from './sign-in-settings.ts';

/** The dashboard at /dashboard, and the audit tools at /mcp/audit. */
export interface DashboardSettings {
  /**
   * Whether there is a dashboard, on which users see and revoke their connected apps, and admins those of everyone.
   * In direct mode there is one only with `identityProvider.clientId`, by which its users sign in.
   * @default true
   */
  readonly dashboard?: boolean;
  /**
   * Whether there is a second MCP endpoint, `/mcp/audit`, with read-only tools for the calls, errors, sessions and users of
   * the deployment. They answer members of `adminsGroup` whose client was granted the scope `audit:read`, and do not exist
   * for others. A separate function serves them, so your server cannot read the audit log.
   * Direct mode has no audit tools, because the provider decides on the scopes of its tokens.
   * @default false
   */
  readonly auditTools?: boolean;
  /**
   * The group at the identity provider whose members see all users on the dashboard, and may use the audit tools.
   * @default 'admins'
   */
  readonly adminsGroup?: string;
  /**
   * How the dashboard identifies users: by their key (`no`), or by this claim of the id token. Names are stored sealed.
   * In the local emulator, users have names by default.
   * @default 'no'
   */
  readonly showNames?: 'no' | 'name' | 'email';
}

export const dashboardDefaults = {
  dashboard: true,
  auditTools: false,
  adminsGroup: 'admins',
  showNames: 'no',
} satisfies DashboardSettings;

/** Yields an error message for each invalid setting. */
export function* validateDashboard(
  settings: WithDefaults<DashboardSettings, typeof dashboardDefaults> &
    Pick<SignInSettings, 'identityProvider'> &
    Required<Pick<ServerSettings, 'scopes'>>,
): Generator<string> {
  if (settings.adminsGroup === '') yield 'adminsGroup is "": name the group whose members see all users';
  if (settings.auditTools && settings.identityProvider?.mode === 'direct') {
    yield 'auditTools is true, but the identity provider grants the scopes in direct mode: remove it';
  }
  if (settings.auditTools && Object.hasOwn(settings.scopes.scopes, AUDIT_SCOPE)) {
    yield `scopes has ${AUDIT_SCOPE}, which is the scope of the audit tools: choose another name, or remove auditTools`;
  }
  yield* validateChoice('showNames', settings.showNames, ['no', 'name', 'email']);
}
