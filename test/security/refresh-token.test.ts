import type { OAuthClient, Tokens } from '../../bench/harness/raw-oauth-client.ts';
import { TestCloud } from '../support/test-cloud.ts';
import { grantOf, json, refusal } from '../support/wire-checks.ts';

jest.setTimeout(60_000);

let target: TestCloud;
beforeAll(async () => {
  target = await TestCloud.start();
});
afterAll(() => target?.stop());

const HOUR = 3600;

const refreshed = async (client: OAuthClient, token: string) => {
  const answer = await client.refresh(token);
  expect(answer.status).toBe(200);
  return (await answer.json()) as Tokens;
};
/** Moves the refresh-token family of the grant into the past. */
async function age(tokens: Tokens, seconds: number): Promise<void> {
  const grant = await target.item(`G#${grantOf(tokens)}`);
  const refresh = grant.refresh as { superseded: Record<string, number> };
  const superseded = Object.fromEntries(Object.entries(refresh.superseded).map(([one, at]) => [one, at - seconds]));
  await target.put({ ...grant, refresh: { ...refresh, superseded } });
}

test('A84: twenty-five concurrent refreshes get the same successor, which works', async () => {
  const { client, tokens } = await target.signedIn();
  const answers = await Promise.all(Array.from({ length: 25 }, () => refreshed(client, tokens.refresh_token)));
  const successors = new Set(answers.map(({ refresh_token }) => refresh_token));
  expect(successors.size).toBe(1);
  expect(successors).not.toContain(tokens.refresh_token);
  await refreshed(client, [...successors][0]!);
});

test('A84: two concurrent holders, one a generation behind, both keep the grant', async () => {
  const { client, tokens } = await target.signedIn();
  const next = await refreshed(client, tokens.refresh_token);
  const [a, b] = await Promise.all([tokens, next].map((each) => refreshed(client, each.refresh_token)));
  const last = await refreshed(client, b!.refresh_token);
  expect(await target.acceptsToken(last)).toBe(true);
  expect(a!.refresh_token).toMatch(/^hrt1_/);
});

test('A85: a refresh token works again after its response was lost, even an hour later', async () => {
  const { client, tokens } = await target.signedIn();
  const lost = await refreshed(client, tokens.refresh_token);
  await age(tokens, HOUR);
  const found = await refreshed(client, tokens.refresh_token);
  expect(found.refresh_token).not.toBe(lost.refresh_token);
  await refreshed(client, found.refresh_token);
});

test('A85: a lost response that is used later ends the grant', async () => {
  const { client, tokens } = await target.signedIn();
  const lost = await refreshed(client, tokens.refresh_token);
  await age(tokens, HOUR);
  const found = await refreshed(client, tokens.refresh_token);
  expect(await refusal(await client.refresh(lost.refresh_token))).toEqual([400, 'invalid_grant']);
  expect(await refusal(await client.refresh(found.refresh_token))).toEqual([400, 'invalid_grant']);
  expect(await target.acceptsToken(found)).toBe(false);
});

test('A85: three hundred refreshes with 40 % lost responses keep the grant', async () => {
  const { client, tokens } = await target.signedIn();
  let held = tokens.refresh_token;
  // 40 % are lost, up to three in a row, some of them for longer than the window.
  const isLost = (i: number) => [1, 2, 6, 8].includes(i % 10) || [31, 32, 33].includes(i % 100);
  for (let i = 0; i < 300; i++) {
    if (i % 25 === 0) await age(tokens, HOUR);
    const { refresh_token } = await refreshed(client, held);
    if (!isLost(i)) held = refresh_token;
  }
  expect(await target.acceptsToken(await refreshed(client, held))).toBe(true);
});

test('A86: a superseded token outside the window ends the grant and logs refresh_reuse', async () => {
  const { client, tokens } = await target.signedIn();
  const second = await refreshed(client, tokens.refresh_token);
  const third = await refreshed(client, second.refresh_token);
  await age(tokens, HOUR);
  expect(await refusal(await client.refresh(tokens.refresh_token))).toEqual([400, 'invalid_grant']);
  expect(await refusal(await client.refresh(third.refresh_token))).toEqual([400, 'invalid_grant']);
  expect(await target.acceptsToken(third)).toBe(false);
  expect(target.log).toContain('refresh_reuse');
});

test('A86: a superseded token ends the grant even right after a rotation', async () => {
  const { client, tokens } = await target.signedIn();
  const second = await refreshed(client, tokens.refresh_token);
  await age(tokens, HOUR);
  const third = await refreshed(client, second.refresh_token);
  const fourth = await refreshed(client, third.refresh_token);
  expect(await refusal(await client.refresh(tokens.refresh_token))).toEqual([400, 'invalid_grant']);
  expect(await target.acceptsToken(fourth)).toBe(false);
});

test.each<[string, (token: string) => string]>([
  ['with a MAC of zeros', (token) => token.replace(/[^.]+$/, 'A'.repeat(43))],
  ['with a changed MAC', (token) => token.replace(/.(.)$/, (end) => (end[0] === 'A' ? `B${end[1]}` : `A${end[1]}`))],
  ['with no MAC', (token) => token.replace(/\.[^.]+$/, '')],
  ['with an empty MAC', (token) => token.replace(/[^.]+$/, '')],
  ['of a future generation', (token) => token.replace('.1.', '.2.')],
  ['of generation 0', (token) => token.replace('.1.', '.0.')],
  ['of a generation below 0', (token) => token.replace('.1.', '.-1.')],
  ['of a generation with a leading zero', (token) => token.replace('.1.', '.01.')],
  ['of an overflowing generation', (token) => token.replace('.1.', '.99999999999999999999.')],
  ['of another grant', (token) => token.replace(/^hrt1_[^.]+/, `hrt1_${'A'.repeat(22)}`)],
  ['of another kind', (token) => token.replace('hrt1_', 'hrt2_')],
  ['with white space around', (token) => ` ${token}`],
  ['that is repeated', (token) => `${token}${token}`],
  ['that is very long', (token) => token + 'A'.repeat(9000)],
  ['of another deployment', () => `hrt1_${'B'.repeat(22)}.1.${'C'.repeat(43)}`],
  ['that is empty', () => ' '],
])('A87: a refresh token %s is rejected and changes nothing', async (_what, forge) => {
  const { client, tokens } = await target.signedIn();
  const before = await target.items('G#');
  expect(await refusal(await client.refresh(forge(tokens.refresh_token)))).toEqual([400, 'invalid_grant']);
  expect(await target.items('G#')).toEqual(before);
  await refreshed(client, tokens.refresh_token);
});

test('A87: a forged refresh token is rejected by reading the registration of its client alone', async () => {
  const { client } = await target.signedIn();
  const forged = `hrt1_${'A'.repeat(22)}.1.${'A'.repeat(43)}`;
  const counted = await target.requestsOf(async () => {
    expect(await refusal(await client.refresh(forged))).toEqual([400, 'invalid_grant']);
  });
  expect(counted).toEqual({ dynamodb: { GetItem: 1 }, kms: {} });
});

test('A78: a refresh of a forgotten registration is rejected with invalid_client, and works after a new registration', async () => {
  const { client, tokens } = await target.signedIn();
  const item = await target.item(`CL#${client.id}`);
  await target.put({ ...item, expiresAt: 1 });
  const answer = await client.refresh(tokens.refresh_token);
  expect(await refusal(answer)).toEqual([401, 'invalid_client']);
  // Clients register again by themselves: the same metadata has the same id.
  await target.client();
  await refreshed(client, tokens.refresh_token);
});

test('A78: a refresh keeps the registration of its client for thirty days longer than its grant can last', async () => {
  const { client, tokens } = await target.signedIn();
  const item = await target.item(`CL#${client.id}`);
  await target.put({ ...item, expiresAt: Number(item.expiresAt) - 40 * 24 * HOUR });
  await refreshed(client, tokens.refresh_token);
  const grant = await target.item(`G#${grantOf(tokens)}`);
  const { expiresAt } = await target.item(`CL#${client.id}`);
  expect(Number(expiresAt)).toBeGreaterThanOrEqual(Number(grant.absoluteExpiresAt) + 29 * 24 * HOUR);
});

test.each(['/token', '/revoke'])('A29: %s rejects parameters in the query', async (path) => {
  const { client, tokens } = await target.signedIn();
  const body = new URLSearchParams({
    client_id: client.id,
    grant_type: 'refresh_token',
    refresh_token: tokens.refresh_token,
    token: tokens.refresh_token,
  });
  const answer = await fetch(`${target.origin}${path}?client_id=${client.id}`, { method: 'POST', body });
  expect(await refusal(answer)).toEqual([400, 'invalid_request']);
  await refreshed(client, tokens.refresh_token);
});

test('A87: the refresh token of another client is rejected and changes nothing', async () => {
  const { client, tokens } = await target.signedIn();
  const other = await target.client({ client_name: 'Other' });
  const as = async (id: string) => refusal(await client.refresh(tokens.refresh_token, { client_id: id }));
  expect(await as(other.id)).toEqual([400, 'invalid_grant']);
  expect(await as('dcr_unknown')).toEqual([401, 'invalid_client']);
  await refreshed(client, tokens.refresh_token);
});

test('A87: a superseded token from another client does not end the grant', async () => {
  const { client, tokens } = await target.signedIn();
  const next = await refreshed(client, (await refreshed(client, tokens.refresh_token)).refresh_token);
  await age(tokens, HOUR);
  const change = { client_id: (await target.client({ client_name: 'Other' })).id };
  expect(await refusal(await client.refresh(tokens.refresh_token, change))).toEqual([400, 'invalid_grant']);
  await refreshed(client, next.refresh_token);
});

test.each(['openid mcp offline_access', 'admin', 'MCP', 'openid offline_access'])(
  'A88: a refresh with the scope %j, as clients send it, grants the known scopes',
  async (scope) => {
    const { client, tokens } = await target.signedIn();
    const answer = await client.refresh(tokens.refresh_token, { scope });
    expect(await answer.json()).toMatchObject({ scope: 'mcp' });
  },
);

test.each<[string, Record<string, string>, string]>([
  ['another resource', { resource: 'https://evil.example/' }, 'invalid_target'],
  ['a malformed resource', { resource: 'mcp' }, 'invalid_target'],
])('A88: a refresh with %s is rejected and rotates nothing', async (_what, change, error) => {
  const { client, tokens } = await target.signedIn();
  const before = await target.items('G#');
  expect(await refusal(await client.refresh(tokens.refresh_token, change))).toEqual([400, error]);
  expect(await target.items('G#')).toEqual(before);
});

test('A88: a refresh with the same or no scope returns the granted scope', async () => {
  const { client, tokens } = await target.signedIn();
  for (const scope of [undefined, 'mcp', 'mcp offline_access', 'offline_access', ' mcp  mcp ']) {
    const answer = await json(await client.refresh(tokens.refresh_token, { scope }));
    expect(answer.scope).toBe('mcp');
  }
});
