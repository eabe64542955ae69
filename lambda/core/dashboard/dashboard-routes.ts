import { revokeAllOf } from '../admin/revocation.ts';
import { sessionList, sessionSummaryById } from '../admin/session-list.ts';
import { RETRY_AFTER_SECONDS, ServiceUnavailableError } from '../support/service-unavailable-error.ts';
import {
  API_PATH,
  type ApiError,
  type ErasedCount,
  type Me,
  type ResultPage,
  type RevokedCount,
  type SessionDetail,
} from './dashboard-api.ts';
import type { Dashboard } from './dashboard-dependencies.ts';
import { DashboardError, mustBeShown, shownTo, statusOf, type Visitor, visitorOf } from './dashboard-guard.ts';
import { overview } from './dashboard-overview.ts';
import { page, pageFile } from './dashboard-page.ts';
import {
  bodyOf,
  filterSchema,
  idSchema,
  pagingSchema,
  parsed,
  queryOf,
  sessionFilterSchema,
  userSchema,
} from './dashboard-requests.ts';
import { callRows, find, grantRows, sessionRows, userRows } from './dashboard-rows.ts';
import { dashboardCookie } from './dashboard-session.ts';

type Endpoint = {
  method: 'GET' | 'POST';
  path: RegExp;
  answer: (dashboard: Dashboard, visitor: Visitor, request: Request, id: string) => Promise<object>;
};

/** Items that are deleted before the page hears how far it has come. */
const ERASED_AT_ONCE = 500;

/** All that the page can ask for. */
const endpoints: Endpoint[] = [
  { method: 'GET', path: /^me$/, answer: me },
  {
    method: 'GET',
    path: /^overview$/,
    answer: async (dashboard, visitor, request) => overview(dashboard, await filterOf(dashboard, visitor, request)),
  },
  { method: 'GET', path: /^calls$/, answer: calls },
  { method: 'GET', path: /^sessions$/, answer: sessions },
  { method: 'GET', path: /^sessions\/([^/]+)$/, answer: session },
  { method: 'GET', path: /^grants$/, answer: grants },
  { method: 'GET', path: /^users$/, answer: users },
  {
    method: 'GET',
    path: /^find$/,
    answer: (dashboard, visitor, request) => find(dashboard, visitor, parsed(idSchema, queryOf(request)).id),
  },
  { method: 'POST', path: /^grants\/([^/]+)\/revoke$/, answer: revokeGrant },
  { method: 'POST', path: /^sessions\/([^/]+)\/revoke$/, answer: revokeSession },
  { method: 'POST', path: /^revoke-all$/, answer: revokeAll },
  { method: 'POST', path: /^erase$/, answer: erase },
];

/** Answers one request below /dashboard. Never throws: an outage is 503, anything unforeseen 500 and in the log. */
export async function handleDashboardRequest(dashboard: Dashboard, request: Request): Promise<Response> {
  const { pathname } = new URL(request.url);
  if (pathname.startsWith(API_PATH)) return answerApi(dashboard, request, pathname.slice(API_PATH.length));
  if (request.method === 'GET' || request.method === 'HEAD') {
    const found = pathname === '/dashboard' ? page(dashboard.page) : pageFile(pathname, dashboard.page);
    if (found) return found;
  }
  return new Response('Not found', { status: 404, headers: { 'Content-Type': 'text/plain' } });
}

async function answerApi(dashboard: Dashboard, request: Request, path: string): Promise<Response> {
  try {
    const here = endpoints.filter((endpoint) => endpoint.path.test(path));
    if (path === 'sign-out' && request.method === 'POST') return await signOut(dashboard, request);
    // Who asks is found out first: nobody else learns what there is to ask for.
    const visitor = await visitorOf(request, dashboard);
    if (here.length === 0) throw new DashboardError('not_found', 'There is no such thing to ask for');
    const endpoint = here.find(({ method }) => method === request.method);
    if (!endpoint) throw new DashboardError('method_not_allowed', `Use ${here.map(({ method }) => method).join(', ')}`);
    const id = decoded(endpoint.path.exec(path)?.[1] ?? '');
    return answered(await endpoint.answer(dashboard, visitor, request, id));
  } catch (error) {
    return refused(error, dashboard.log);
  }
}

async function signOut(dashboard: Dashboard, request: Request): Promise<Response> {
  const { cookieHash } = await visitorOf(request, dashboard);
  await dashboard.dashboardSessions.endDashboardSession(cookieHash);
  return answered({}, { headers: { 'Set-Cookie': dashboardCookie(dashboard.publicUrl).clear() } });
}

async function me({ userNames, retentionDays }: Dashboard, visitor: Visitor): Promise<Me> {
  const { user, isAdmin, csrf, expiresAt, sealedName } = visitor;
  const name = sealedName && (await userNames?.open(sealedName, user));
  return { user, ...(name && { name }), isAdmin, csrf, expiresAt: expiresAt * 1000, retentionDays };
}

type Wanted = {
  from?: number | undefined;
  to?: number | undefined;
  user?: string | undefined;
  grant?: string | undefined;
};

/** What is asked for, of what the visitor is shown. A grant names its user. @throws DashboardError */
async function shown<F extends Wanted>(dashboard: Dashboard, visitor: Visitor, filter: F): Promise<F> {
  const { from = 0, to = Number.POSITIVE_INFINITY, grant } = filter;
  if (to <= from) throw new DashboardError('invalid_request', 'to has to be after from');
  if (grant === undefined) return { ...filter, user: shownTo(visitor, filter.user) };
  const [found] = await dashboard.directory.grants([grant]);
  return { ...filter, user: mustBeShown(visitor, found).user };
}

const filterOf = (dashboard: Dashboard, visitor: Visitor, request: Request) =>
  shown(dashboard, visitor, parsed(filterSchema, queryOf(request)));

async function calls(dashboard: Dashboard, visitor: Visitor, request: Request) {
  const filter = await filterOf(dashboard, visitor, request);
  const found = await dashboard.search.page(filter, parsed(pagingSchema, queryOf(request)));
  return { ...found, items: await callRows(dashboard, found.items) };
}

async function sessions(dashboard: Dashboard, visitor: Visitor, request: Request) {
  const query = queryOf(request);
  const filter = await shown(dashboard, visitor, parsed(sessionFilterSchema, query));
  const found = await sessionList(dashboard, filter, parsed(pagingSchema, query));
  return { ...found, items: await sessionRows(dashboard, found.items) };
}

async function session(dashboard: Dashboard, visitor: Visitor, request: Request, id: string): Promise<SessionDetail> {
  const { limit, after } = parsed(pagingSchema, queryOf(request));
  const record = mustBeShown(visitor, await sessionSummaryById(dashboard, id));
  const { calls: found, next } = await dashboard.calls.callsOf(id, { limit, after, now: dashboard.seconds() });
  const items = await callRows(dashboard, found);
  const [row] = await sessionRows(dashboard, [record]);
  return { session: row!, calls: { items, ...(next !== undefined && { next }) } };
}

async function grants(dashboard: Dashboard, visitor: Visitor, request: Request) {
  const { directory, seconds } = dashboard;
  const query = queryOf(request);
  const user = shownTo(visitor, parsed(userSchema, query).user);
  const paging = parsed(pagingSchema, query);
  const found = await (user === undefined ? directory.recentGrants(paging) : directory.grantsOf(user, paging));
  return { ...found, items: await grantRows(dashboard, found.items, seconds()) };
}

async function users(dashboard: Dashboard, { isAdmin }: Visitor, request: Request): Promise<ResultPage<object>> {
  if (!isAdmin) throw new DashboardError('forbidden', 'Only owners see who else is here');
  const found = await dashboard.directory.recentUsers(parsed(pagingSchema, queryOf(request)));
  return { ...found, items: await userRows(dashboard, found.items) };
}

async function revokeGrant(dashboard: Dashboard, visitor: Visitor, _: Request, id: string): Promise<RevokedCount> {
  const { directory, revocation, seconds, log } = dashboard;
  const [found] = await directory.grants([id]);
  const grant = mustBeShown(visitor, found);
  const changed = await revocation.revokeGrant(grant.id, seconds());
  if (changed) log('grant_revoked', { grant: grant.id, user: grant.user, by: visitor.user });
  return { revoked: Number(changed) };
}

async function revokeSession(dashboard: Dashboard, visitor: Visitor, _: Request, id: string): Promise<RevokedCount> {
  const { revocation, seconds, log } = dashboard;
  const record = mustBeShown(visitor, await sessionSummaryById(dashboard, id));
  const changed = await revocation.revokeSession(record, seconds());
  if (changed) log('session_revoked', { session: id, user: record.user, by: visitor.user });
  return { revoked: Number(changed) };
}

async function revokeAll(dashboard: Dashboard, visitor: Visitor, request: Request): Promise<RevokedCount> {
  const user = shownTo(visitor, parsed(userSchema, await bodyOf(request)).user) ?? visitor.user;
  const revoked = await revokeAllOf(user, dashboard, dashboard.seconds());
  dashboard.log('grants_revoked', { user, count: revoked, by: visitor.user });
  return { revoked };
}

/** Access ends first, so that nothing is added while the rest goes. This visit goes with it. */
async function erase(dashboard: Dashboard, visitor: Visitor, request: Request): Promise<ErasedCount> {
  const user = shownTo(visitor, parsed(userSchema, await bodyOf(request)).user) ?? visitor.user;
  await revokeAllOf(user, dashboard, dashboard.seconds());
  const erased = await dashboard.erasure.erase(user, ERASED_AT_ONCE, dashboard.now());
  if (erased.done) dashboard.log('user_erased', { byOwner: user !== visitor.user });
  return erased;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new DashboardError('invalid_request', 'The path is not as URLs are written');
  }
}

const secured = {
  'Content-Type': 'application/json',
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

function answered(body: object, init: { status?: number; headers?: Record<string, string> } = {}): Response {
  return Response.json(body, { ...init, headers: { ...secured, ...init.headers } });
}

function refused(error: unknown, log: Dashboard['log']): Response {
  if (error instanceof DashboardError) {
    const { code, message } = error;
    return answered({ error: { code, message } } satisfies ApiError, { status: statusOf[code] });
  }
  if (error instanceof ServiceUnavailableError) {
    log('service_unavailable', { message: error.message, cause: String(error.cause) });
    const body = {
      error: { code: 'service_unavailable', message: 'The server does not answer at the moment. Nothing has changed.' },
    };
    return answered(body, { status: 503, headers: { 'Retry-After': String(RETRY_AFTER_SECONDS) } });
  }
  log('unexpected_error', { error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  const body = { error: { code: 'fault', message: 'Something went wrong on this server. Its log has the details.' } };
  return answered(body, { status: 500 });
}
