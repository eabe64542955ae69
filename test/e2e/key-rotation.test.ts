import { setTimeout as sleep } from 'node:timers/promises';
import { decodeProtectedHeader } from 'jose';
import { ProjectCopy } from '../support/project-copy.ts';
import { StartedEmulator } from '../support/started-emulator.ts';
import { initialize, OAuthClient, postMcp, type Tokens } from '../support/test-oauth-client.ts';

jest.setTimeout(120_000);

let variant: ProjectCopy;
let desk: StartedEmulator;
beforeAll(async () => {
  variant = new ProjectCopy();
  desk = await StartedEmulator.start({}, variant.root);
});
afterAll(async () => {
  await desk.stop();
  variant.remove();
});

/** Deploys, as an owner would, and waits until it is live. */
async function deploy(from: string, to: string): Promise<void> {
  const before = desk.log.length;
  variant.edit('bin/holdfast.ts', from, to);
  while (!desk.log.slice(before).includes('the change is live')) {
    if (desk.log.slice(before).includes('goes on')) throw new Error(desk.log.slice(before));
    await sleep(50);
  }
}

const keyOf = (token: string) => decodeProtectedHeader(token).kid;

test('the signing key is changed while clients work, and nobody is refused', async () => {
  const client = await OAuthClient.register(desk.origin);
  let tokens = await client.tokensFor('ada');
  const oldest = tokens.access_token;
  const refused: string[] = [];
  let working = true;
  const work = (async () => {
    for (let turn = 0; working; turn++) {
      for (const token of [oldest, tokens.access_token]) {
        const { status } = await postMcp(desk.origin, token, initialize);
        if (status !== 200) refused.push(`request ${turn} was answered ${status}`);
      }
      const refreshed = await client.refresh(tokens.refresh_token);
      if (refreshed.status === 200) tokens = (await refreshed.json()) as Tokens;
      else refused.push(`refresh ${turn} was answered ${refreshed.status}`);
    }
  })();

  const first = keyOf(tokens.access_token);
  await deploy('upstreamTokens: settings', "signingKeys: ['1', '2'],\n    upstreamTokens: settings");
  await deploy("['1', '2']", "['2', '1']");
  while (keyOf(tokens.access_token) === first) await sleep(50);
  const { access_token } = tokens;
  const second = keyOf(access_token);
  expect((await postMcp(desk.origin, oldest, initialize)).status).toBe(200);
  working = false;
  await work;
  expect(refused).toEqual([]);

  await deploy("['2', '1']", "['2']");
  expect((await postMcp(desk.origin, access_token, initialize)).status).toBe(200);
  const { keys } = (await (await fetch(`${desk.origin}/jwks.json`)).json()) as { keys: { kid: string }[] };
  expect(keys.map(({ kid }) => kid)).toEqual([second]);
});
