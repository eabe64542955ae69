import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { synthesize } from '../../local/template/synthesis.ts';
import type { LedgerUser } from '../../test/support/load/load-ledger.ts';
import { assistants, type Connect } from '../../test/support/mcp-clients.ts';
import { ProjectCopy } from '../../test/support/project-copy.ts';
import { Cloud, changed, withoutThrottling } from '../../test/support/test-cloud.ts';
import { OAuthClient } from '../../test/support/test-oauth-client.ts';

export const users = ['ada', 'alan', 'grace'];

/** The cloud of this project with the server under load in place of the owner's, and what to do when it is over. */
export async function startLoadedCloud(): Promise<{ cloud: Cloud; close: () => Promise<void> }> {
  const root = join(import.meta.dirname, '..', '..');
  const variant = new ProjectCopy();
  const synthesized = mkdtempSync(join(tmpdir(), 'holdfast-load-'));
  for (const file of ['test/support/load/load-server.ts', 'bench/load/load-bench-server.ts']) {
    mkdirSync(join(variant.root, file, '..'), { recursive: true });
    cpSync(join(root, file), join(variant.root, file));
  }
  writeFileSync(
    join(variant.root, 'lambda/server.ts'),
    `export { createServer } from '../bench/load/load-bench-server.ts';\n`,
  );
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
export async function signIn(origin: string, number: number): Promise<LedgerUser> {
  const username = users[number % users.length]!;
  const clientName = `Client ${number}`;
  const client = await OAuthClient.register(origin, { client_name: clientName });
  const { access_token, refresh_token } = await client.tokensFor(username);
  return { username, clientId: client.id, clientName, token: access_token, grant: grantOf(refresh_token) };
}

/** Both SDKs, in both eras. */
export const libraries: [string, Connect][] = assistants;
