import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { synthesize } from '../../local/template/synthesis.ts';
import { changed, withoutThrottling } from '../harness/assembly.ts';
import { EmulatorProcess } from '../harness/emulator-process.ts';
import { ProjectCopy } from '../harness/project-copy.ts';
import { OAuthClient } from '../harness/raw-oauth-client.ts';
import type { LoadUser } from './load-ledger.ts';
import { TableView } from './table-view.ts';

/** The users that sign in. */
export const users = ['ada', 'alan', 'grace'];

export type LoadedEmulator = {
  emulator: EmulatorProcess;
  table: TableView;
  /** The logical id of the MCP function. */
  mcpFunction: string;
  close(): Promise<void>;
};

/** An emulator of the project with the server under load in place of the owner's. */
export async function startLoadedEmulator(): Promise<LoadedEmulator> {
  const project = new ProjectCopy();
  const synthesized = mkdtempSync(join(tmpdir(), 'holdfast-load-'));
  const folders = [synthesized];
  const close = async (emulator?: EmulatorProcess) => {
    await emulator?.stop();
    project.remove();
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  };
  try {
    project.useServer('bench/load/load-server.ts');
    await synthesize(project.root, synthesized);
    const ids = { table: '', mcpFunction: '' };
    const assembly = changed(synthesized, (resources) => {
      withoutThrottling(resources);
      for (const [logicalId, { Type }] of Object.entries(resources)) {
        if (Type === 'AWS::Lambda::Function' && logicalId.startsWith('Mcp')) ids.mcpFunction = logicalId;
        if (Type === 'AWS::DynamoDB::GlobalTable') ids.table = logicalId;
      }
    });
    folders.push(assembly);
    const emulator = await EmulatorProcess.run({ assembly });
    const table = new TableView(emulator, `Holdfast-${ids.table}`);
    return { emulator, table, mcpFunction: ids.mcpFunction, close: () => close(emulator) };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The grant's id in a refresh token. */
export const grantIn = (refreshToken: string): string => /^hrt1_([^.]+)/.exec(refreshToken)![1]!;

/** Registers a client and signs one of the users in. */
export async function signIn(origin: string, number: number): Promise<LoadUser> {
  const username = users[number % users.length]!;
  const clientName = `Client ${number}`;
  const client = await OAuthClient.register(origin, { client_name: clientName });
  const { access_token, refresh_token } = await client.tokensFor(username);
  return { username, clientId: client.id, clientName, token: access_token, grant: grantIn(refresh_token) };
}
