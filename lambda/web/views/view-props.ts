import type { Me } from '../../core/dashboard/dashboard-api.ts';
import type { Route } from '../page-router.ts';

export type ViewProps = {
  route: Route;
  /** Absent until the server has told. */
  me: Me | undefined;
};

/** Whether rows may be several people's, so that they have to be named. */
export const showsUsers = ({ route, me }: ViewProps): boolean => Boolean(me?.isAdmin && route.user !== me.user);
