import { dashboardCookie } from '../../../lambda/core/dashboard/dashboard-session.ts';

/** The cookie of the dashboard, as browsers are told of it. */

test('is bound to this very host, sent over https alone, to no other site’s requests, and read by no script', () => {
  expect(dashboardCookie('https://mcp.example.com').set('secret', 60)).toBe(
    '__Host-dashboard=secret; Path=/; HttpOnly; SameSite=Strict; Secure; Max-Age=60',
  );
});

test('goes without prefix where there is no https: in the local emulator', () => {
  expect(dashboardCookie('http://127.0.0.1:8787').clear()).toBe(
    'dashboard=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0',
  );
});

test('is not read under another name, nor where there are two', () => {
  const read = (cookie: string) =>
    dashboardCookie('https://mcp.example.com').read(new Request('https://mcp.example.com/', { headers: { cookie } }));
  expect(read('a=b; __Host-dashboard=secret')).toBe('secret');
  for (const cookie of ['', 'dashboard=secret', 'x__Host-dashboard=secret', '__Host-dashboard=a; __Host-dashboard=b']) {
    expect(read(cookie)).toBeUndefined();
  }
});
