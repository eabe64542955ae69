import { validateChoice, type WithDefaults } from './setting-validation.ts';

/** The dashboard at /dashboard. */
export interface DashboardSettings {
  /**
   * Whether there is a dashboard, on which users see and revoke their connected apps, and admins those of everyone.
   * Direct mode has no dashboard, because Holdfast is not a client of the identity provider in that mode.
   * @default true
   */
  readonly dashboard?: boolean;
  /**
   * The group at the identity provider whose members see all users on the dashboard.
   * @default 'admins'
   */
  readonly adminsGroup?: string;
  /**
   * How the dashboard identifies users: by their key (`no`), or by this claim of the id token. Names are stored sealed.
   * @default 'no'
   */
  readonly showNames?: 'no' | 'name' | 'email';
}

export const dashboardDefaults = {
  dashboard: true,
  adminsGroup: 'admins',
  showNames: 'no',
} satisfies DashboardSettings;

/** Yields an error message for each invalid setting. */
export function* validateDashboard(
  settings: WithDefaults<DashboardSettings, typeof dashboardDefaults>,
): Generator<string> {
  if (settings.adminsGroup === '') yield 'adminsGroup is "": name the group whose members see all users';
  yield* validateChoice('showNames', settings.showNames, ['no', 'name', 'email']);
}
