import { isPersonal } from '../../shared/personal-token.ts';
import { revokeUser } from '../admin/revocation.ts';
import { sessionList, sessionSummaryById } from '../admin/session-list.ts';
import { accountCookie } from '../identity/known-account.ts';
import {
  API_PATH,
  type ErasedCount,
  type Me,
  type Overview,
  type ResultPage,
  type RevokedCount,
  type SessionDetail,
  type SignInState,
} from './dashboard-api.ts';
import type { Dashboard } from './dashboard-dependencies.ts';
import { errorGroups } from './dashboard-errors.ts';
import { DashboardError, requireVisible, type Visitor, visibleUser, visitorOf } from './dashboard-guard.ts';
import { overview } from './dashboard-overview.ts';
import { page, pageFile } from './dashboard-page.ts';
import {
  activitySchema,
  callFilterSchema,
  errorFilterSchema,
  filterSchema,
  idSchema,
  pagingSchema,
  parse,
  readBody,
  readQuery,
  sessionFilterSchema,
  userSchema,
} from './dashboard-requests.ts';
import { errorResponse, jsonResponse } from './dashboard-response.ts';
import { callRows, findById, grantRows, namesOf, sessionRows, tokenRows, userRows } from './dashboard-rows.ts';
import { dashboardCookie } from './dashboard-session.ts';
import { userActivityRows } from './dashboard-users.ts';

type Endpoint = {
  method: 'GET' | 'POST';
  path: RegExp;
  respond: (dashboard: Dashboard, visitor: Visitor, request: Request, id: string) => Promise<object>;
};

/** Items that one request deletes; the page shows the progress in between. */
const ERASED_PER_REQUEST = 500;

/** As documented in `dashboard-api.ts`; `sign-out` and `sign-in` are apart: one sets a cookie, the other needs none. */
const endpoints: Endpoint[] = [
  { method: 'GET', path: /^me$/, respond: me },
  {
    method: 'GET',
    path: /^overview$/,
    respond: async (dashboard, visitor, request) =>
      named(dashboard, await overview(dashboard, await filterOf(filterSchema, dashboard, visitor, request))),
  },
  {
    method: 'GET',
    path: /^errors$/,
    respond: async (dashboard, visitor, request) =>
      errorGroups(dashboard, await filterOf(errorFilterSchema, dashboard, visitor, request)),
  },
  { method: 'GET', path: /^calls$/, respond: calls },
  { method: 'GET', path: /^sessions$/, respond: sessions },
  { method: 'GET', path: /^sessions\/([^/]+)$/, respond: session },
  { method: 'GET', path: /^grants$/, respond: grants },
  { method: 'GET', path: /^tokens$/, respond: tokens },
  { method: 'GET', path: /^users$/, respond: users },
  {
    method: 'GET',
    path: /^find$/,
    respond: (dashboard, visitor, request) => findById(dashboard, visitor, parse(idSchema, readQuery(request)).id),
  },
  { method: 'POST', path: /^grants\/([^/]+)\/revoke$/, respond: revokeGrant },
  { method: 'POST', path: /^sessions\/([^/]+)\/revoke$/, respond: revokeSession },
  { method: 'POST', path: /^revoke-all$/, respond: revokeAll },
  { method: 'POST', path: /^erase$/, respond: erase },
];

/** Handles one request below /dashboard. Never throws: an unavailable service is 503, an unexpected error 500. */
export async function handleDashboardRequest(dashboard: Dashboard, request: Request): Promise<Response> {
  const { pathname } = new URL(request.url);
  if (pathname.startsWith(API_PATH)) return handleApiRequest(dashboard, request, pathname.slice(API_PATH.length));
  if (request.method === 'GET' || request.method === 'HEAD') {
    const found = pathname === '/dashboard' ? page(dashboard) : pageFile(pathname, dashboard.page);
    if (found) return found;
  }
  return new Response('Not found', { status: 404, headers: { 'Content-Type': 'text/plain' } });
}

async function handleApiRequest(dashboard: Dashboard, request: Request, path: string): Promise<Response> {
  try {
    const atPath = endpoints.filter((endpoint) => endpoint.path.test(path));
    if (path === 'sign-out' && request.method === 'POST') return await signOut(dashboard, request);
    if (path === 'sign-in' && request.method === 'GET') return jsonResponse(await signInState(dashboard, request));
    // First, so that only signed-in users can tell which endpoints exist.
    const visitor = await visitorOf(request, dashboard);
    if (atPath.length === 0) throw new DashboardError('not_found', 'Unknown endpoint');
    const endpoint = atPath.find(({ method }) => method === request.method);
    if (!endpoint)
      throw new DashboardError('method_not_allowed', `Use ${atPath.map(({ method }) => method).join(', ')}`);
    const id = decodePathSegment(endpoint.path.exec(path)?.[1] ?? '');
    const body = await endpoint.respond(dashboard, visitor, request, id);
    return body instanceof Response ? body : jsonResponse(body);
  } catch (error) {
    return errorResponse(error, dashboard.log);
  }
}

async function signInState(dashboard: Dashboard, request: Request): Promise<SignInState> {
  try {
    await visitorOf(request, dashboard);
    return { isSignedIn: true };
  } catch (error) {
    if (error instanceof DashboardError && error.code === 'signed_out') return { isSignedIn: false };
    throw error;
  }
}

async function signOut(dashboard: Dashboard, request: Request): Promise<Response> {
  const { cookieHash } = await visitorOf(request, dashboard);
  await dashboard.dashboardSessions.endDashboardSession(cookieHash);
  const response = jsonResponse({}, { headers: { 'Set-Cookie': dashboardCookie(dashboard.publicUrl).clear() } });
  response.headers.append('Set-Cookie', accountCookie(dashboard.publicUrl).clear());
  return response;
}

async function me({ userNames, retentionDays, isDirect, personalTokens }: Dashboard, visitor: Visitor): Promise<Me> {
  const { user, isAdmin, csrf, expiresAt, sealedName } = visitor;
  const name = sealedName && (await userNames?.open(sealedName, user));
  return {
    user,
    ...(name && { name }),
    isAdmin,
    csrf,
    expiresAt: expiresAt * 1000,
    retentionDays,
    showsNames: userNames !== undefined,
    isDirect,
    ...(personalTokens && { personalTokens }),
  };
}

type RequestedFilter = {
  from?: number | undefined;
  to?: number | undefined;
  user?: string | undefined;
  grant?: string | undefined;
};

/** The filter, restricted to what the visitor may see. The user of a grant is looked up. @throws DashboardError */
async function restricted<F extends RequestedFilter>(dashboard: Dashboard, visitor: Visitor, filter: F): Promise<F> {
  const { from = 0, to = Number.POSITIVE_INFINITY, grant } = filter;
  if (to <= from) throw new DashboardError('invalid_request', 'to must be after from');
  if (grant === undefined) return { ...filter, user: visibleUser(visitor, filter.user) };
  const [found] = await dashboard.directory.grants([grant]);
  return { ...filter, user: requireVisible(visitor, found).user };
}

const filterOf = <F extends RequestedFilter>(
  schema: Parameters<typeof parse<F>>[0],
  dashboard: Dashboard,
  visitor: Visitor,
  request: Request,
) => restricted(dashboard, visitor, parse(schema, readQuery(request)));

/** With the names of the users. */
async function named(dashboard: Dashboard, { topUsers, ...numbers }: Overview): Promise<Overview> {
  if (!topUsers) return numbers;
  const name = await namesOf(
    dashboard,
    topUsers.map(({ user }) => user),
  );
  return { ...numbers, topUsers: topUsers.map((row) => ({ ...row, ...name(row.user) })) };
}

async function calls(dashboard: Dashboard, visitor: Visitor, request: Request) {
  const filter = await filterOf(callFilterSchema, dashboard, visitor, request);
  const found = await dashboard.search.page(filter, parse(pagingSchema, readQuery(request)));
  return { ...found, items: await callRows(dashboard, found.items) };
}

async function sessions(dashboard: Dashboard, visitor: Visitor, request: Request) {
  const query = readQuery(request);
  const filter = await restricted(dashboard, visitor, parse(sessionFilterSchema, query));
  const found = await sessionList(dashboard, filter, parse(pagingSchema, query));
  return { ...found, items: await sessionRows(dashboard, found.items) };
}

async function session(dashboard: Dashboard, visitor: Visitor, request: Request, id: string): Promise<SessionDetail> {
  const { limit, after } = parse(pagingSchema, readQuery(request));
  const summary = requireVisible(visitor, await sessionSummaryById(dashboard, id));
  const { calls: found, next } = await dashboard.calls.callsOf(id, {
    limit,
    after,
    now: dashboard.seconds(),
    user: summary.user,
  });
  const items = await callRows(dashboard, found);
  const [row] = await sessionRows(dashboard, [summary]);
  return { session: row!, calls: { items, ...(next !== undefined && { next }) } };
}

async function grants(dashboard: Dashboard, visitor: Visitor, request: Request) {
  const { directory, seconds } = dashboard;
  const query = readQuery(request);
  const user = visibleUser(visitor, parse(userSchema, query).user);
  const paging = parse(pagingSchema, query);
  const found = await (user === undefined ? directory.recentGrants(paging) : directory.grantsOf(user, paging));
  return { ...found, items: await grantRows(dashboard, found.items, seconds()) };
}

/** A page has the tokens among the grants of its range, and may have none. */
async function tokens(dashboard: Dashboard, visitor: Visitor, request: Request) {
  const query = readQuery(request);
  const user = visibleUser(visitor, parse(userSchema, query).user) ?? visitor.user;
  const found = await dashboard.directory.grantsOf(user, parse(pagingSchema, query));
  return { ...found, items: await tokenRows(dashboard, found.items.filter(isPersonal), user) };
}

async function users(dashboard: Dashboard, { isAdmin }: Visitor, request: Request): Promise<ResultPage<object>> {
  if (!isAdmin) throw new DashboardError('forbidden', 'Only admins may list users');
  const query = readQuery(request);
  const { activity } = parse(activitySchema, query);
  const found = await dashboard.directory.recentUsers(parse(pagingSchema, query));
  const rows = activity === undefined ? userRows : userActivityRows;
  return { ...found, items: await rows(dashboard, found.items) };
}

async function revokeGrant(dashboard: Dashboard, visitor: Visitor, _: Request, id: string): Promise<RevokedCount> {
  const { directory, revocation, seconds, log } = dashboard;
  const [found] = await directory.grants([id]);
  const grant = requireVisible(visitor, found);
  const changed = await revocation.revokeGrant(grant.id, seconds());
  if (changed) log('grant_revoked', { grant: grant.id, user: grant.user, by: visitor.user });
  return { revoked: Number(changed) };
}

async function revokeSession(dashboard: Dashboard, visitor: Visitor, _: Request, id: string): Promise<RevokedCount> {
  const { revocation, seconds, log } = dashboard;
  const summary = requireVisible(visitor, await sessionSummaryById(dashboard, id));
  const changed = await revocation.revokeSession(summary, seconds());
  if (changed) log('session_revoked', { session: id, user: summary.user, by: visitor.user });
  return { revoked: Number(changed) };
}

async function revokeAll(dashboard: Dashboard, visitor: Visitor, request: Request): Promise<RevokedCount> {
  const user = visibleUser(visitor, parse(userSchema, await readBody(request)).user) ?? visitor.user;
  const { grants: revoked, dashboardSessions } = await revokeAllOf(dashboard, visitor, user);
  dashboard.log('grants_revoked', { user, count: revoked, by: visitor.user, dashboardSessions });
  return { revoked };
}

/** Users who revoke their own credentials stay signed in here. */
const revokeAllOf = (dashboard: Dashboard, visitor: Visitor, user: string) =>
  revokeUser(user, dashboard, dashboard.seconds(), user === visitor.user ? visitor.cookieHash : undefined);

/**
 * Revokes first, so that no items are added meanwhile. The dashboard session of the user is erased as well, and the browser
 * of users who erase their own data forgets their account.
 */
async function erase(dashboard: Dashboard, visitor: Visitor, request: Request): Promise<Response> {
  const user = visibleUser(visitor, parse(userSchema, await readBody(request)).user) ?? visitor.user;
  await revokeAllOf(dashboard, visitor, user);
  const erased: ErasedCount = await dashboard.erasure.erase(user, ERASED_PER_REQUEST, dashboard.now());
  if (erased.done) dashboard.log('user_erased', { byOwner: user !== visitor.user });
  const isOwn = erased.done && user === visitor.user;
  return jsonResponse(erased, isOwn ? { headers: { 'Set-Cookie': accountCookie(dashboard.publicUrl).clear() } } : {});
}

function decodePathSegment(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new DashboardError('invalid_request', 'The path is not percent-encoded UTF-8');
  }
}
