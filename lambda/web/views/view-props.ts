import type { Me } from '../../core/dashboard/dashboard-api.ts';
import type { Route } from '../page-router.ts';

export type ViewProps = {
  route: Route;
  /** `undefined` until it is loaded. */
  me: Me | undefined;
};

/** Whether the rows can be of several users, and so need a user column. */
export const showsUsers = ({ route, me }: ViewProps): boolean => Boolean(me?.isAdmin && route.user !== me.user);
