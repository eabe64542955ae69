import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { synthesize } from '../../local/synthesis.ts';
import { assistants, type Connect } from '../../test/e2e/assistants.ts';
import { Cloud, changed, withoutThrottling } from '../../test/e2e/cloud.ts';
import { OAuthClient } from '../../test/e2e/oauth-client.ts';
import { Variant } from '../../test/e2e/variant.ts';
import type { Owner } from '../../test/load/book.ts';

export const users = ['ada', 'alan', 'grace'];

/** The cloud of this project with the server under load in place of the owner's, and what to do when it is over. */
export async function startLoadedCloud(): Promise<{ cloud: Cloud; close: () => Promise<void> }> {
  const root = join(import.meta.dirname, '..', '..');
  const variant = new Variant();
  const synthesized = mkdtempSync(join(tmpdir(), 'holdfast-load-'));
  for (const file of ['test/load/server.ts', 'bench/load/server.ts']) {
    mkdirSync(join(variant.root, file, '..'), { recursive: true });
    cpSync(join(root, file), join(variant.root, file));
  }
  writeFileSync(join(variant.root, 'lambda/server.ts'), `export { createServer } from '../bench/load/server.ts';\n`);
  await synthesize(variant.root, synthesized);
  const assembly = changed(synthesized, withoutThrottling);
  const cloud = await Cloud.start({ assembly });
  const close = async () => {
    await cloud.stop();
    variant.remove();
    for (const folder of [synthesized, assembly]) rmSync(folder, { recursive: true, force: true });
  };
  return { cloud, close };
}

const grantOf = (refreshToken: string) => /^hrt1_([^.]+)/.exec(refreshToken)![1]!;

/** Registers a client and signs one of the users in. */
export async function signIn(origin: string, number: number): Promise<Owner> {
  const username = users[number % users.length]!;
  const clientName = `Client ${number}`;
  const client = await OAuthClient.register(origin, { client_name: clientName });
  const { access_token, refresh_token } = await client.tokensFor(username);
  return { username, clientId: client.id, clientName, token: access_token, grant: grantOf(refresh_token) };
}

/** Both SDKs, in both eras. */
export const libraries: [string, Connect][] = assistants;
