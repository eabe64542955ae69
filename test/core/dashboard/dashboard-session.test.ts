import { visitorOf } from '../../../lambda/core/dashboard/dashboard-guard.ts';
import { dashboardCookie } from '../../../lambda/core/dashboard/dashboard-session.ts';

/** The attributes of the dashboard cookie. */

test('the dashboard cookie is bound to its host, Secure, SameSite=Strict and HttpOnly', () => {
  expect(dashboardCookie('https://mcp.example.com').set('secret', 60)).toBe(
    '__Host-dashboard=secret; Path=/; HttpOnly; SameSite=Strict; Secure; Max-Age=60',
  );
});

test('the dashboard cookie has no prefix on plain http, as in the local emulator', () => {
  expect(dashboardCookie('http://127.0.0.1:8787').clear()).toBe(
    'dashboard=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0',
  );
});

test('the dashboard cookie is not read under another name or when it occurs twice', () => {
  const read = (cookie: string) =>
    dashboardCookie('https://mcp.example.com').read(new Request('https://mcp.example.com/', { headers: { cookie } }));
  expect(read('a=b; __Host-dashboard=secret')).toBe('secret');
  for (const cookie of ['', 'dashboard=secret', 'x__Host-dashboard=secret', '__Host-dashboard=a; __Host-dashboard=b']) {
    expect(read(cookie)).toBeUndefined();
  }
});

test('the group of the admins alone makes an admin', async () => {
  const request = new Request('https://mcp.example.com/dashboard/api/me', {
    headers: { cookie: '__Host-dashboard=secret' },
  });
  const isAdmin = async (groups: string[]) => {
    const session = { user: 'ada', groups, expiresAt: 2000 };
    const dashboardSessions = {
      findDashboardSession: async () => session,
      endDashboardSession: async () => undefined,
    };
    const rules = { publicUrl: 'https://mcp.example.com', adminsGroup: 'admins', now: () => 1_000_000 };
    return (await visitorOf(request, { dashboardSessions, ...rules })).isAdmin;
  };
  expect([await isAdmin([]), await isAdmin(['staff']), await isAdmin(['staff', 'admins'])]).toEqual([
    false,
    false,
    true,
  ]);
});
