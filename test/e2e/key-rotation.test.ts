import { setTimeout as sleep } from 'node:timers/promises';
import { decodeProtectedHeader } from 'jose';
import { assemblyOfSources } from '../../bench/harness/assembly.ts';
import { assistants, SignInMemory } from '../../bench/harness/mcp-clients.ts';
import { initialize, OAuthClient, postMcp, type Tokens } from '../../bench/harness/raw-oauth-client.ts';
import { TestCloud } from '../support/test-cloud.ts';

jest.setTimeout(120_000);

let cloud: TestCloud;
/** By the value of `signingKeys`. */
let assemblies: Record<string, string>;
beforeAll(async () => {
  assemblies = {};
  for (const keys of ["['1', '2']", "['2', '1']", "['2']"]) {
    const settings = `signingKeys: ${keys},\n    upstreamTokens: settings`;
    assemblies[keys] = await assemblyOfSources([['bin/holdfast.ts', 'upstreamTokens: settings', settings]]);
  }
  cloud = await TestCloud.start();
});
afterAll(() => cloud?.stop());

const deploy = async (keys: string) => expect(await cloud.deploy(assemblies[keys]!)).toBe('the change is live');

const keyOf = (token: string) => decodeProtectedHeader(token).kid;

test('rotates the signing key during requests, and rejects none of them', async () => {
  const client = await OAuthClient.register(cloud.origin);
  let tokens = await client.tokensFor('ada');
  const oldest = tokens.access_token;
  const rejected: string[] = [];
  let working = true;
  const work = (async () => {
    for (let turn = 0; working; turn++) {
      for (const token of [oldest, tokens.access_token]) {
        const { status } = await postMcp(cloud.origin, token, initialize);
        if (status !== 200) rejected.push(`request ${turn}: status ${status}`);
      }
      const refreshed = await client.refresh(tokens.refresh_token);
      if (refreshed.status === 200) tokens = (await refreshed.json()) as Tokens;
      else rejected.push(`refresh ${turn}: status ${refreshed.status}`);
    }
  })();

  const first = keyOf(tokens.access_token);
  await deploy("['1', '2']");
  await deploy("['2', '1']");
  while (keyOf(tokens.access_token) === first) await sleep(50);
  const { access_token } = tokens;
  const second = keyOf(access_token);
  expect((await postMcp(cloud.origin, oldest, initialize)).status).toBe(200);
  working = false;
  await work;
  expect(rejected).toEqual([]);

  await deploy("['2']");
  expect((await postMcp(cloud.origin, access_token, initialize)).status).toBe(200);
  const { keys } = (await (await fetch(`${cloud.origin}/jwks.json`)).json()) as { keys: { kid: string }[] };
  expect(keys.map(({ kid }) => kid)).toEqual([second]);
});

test.each(assistants)(
  'a client made with %s refreshes without a sign-in when the key of its token is replaced',
  async (_name, connect) => {
    await deploy("['1', '2']");
    const memory = new SignInMemory();
    const assistant = await connect(cloud.mcpUrl, 'ada', memory);
    const listed = await assistant.listTools();
    const { authorizationUrl } = memory;
    const first = keyOf(memory.tokens()!.access_token);
    await deploy("['2']");
    expect(await assistant.listTools()).toEqual(listed);
    expect(keyOf(memory.tokens()!.access_token)).not.toBe(first);
    expect(memory.authorizationUrl).toBe(authorizationUrl);
    await assistant.close();
  },
);
