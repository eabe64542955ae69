import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { App } from 'aws-cdk-lib';
import type { BuildOptions, Metafile } from 'esbuild';
import { deployed } from '../../bench/built-assembly.ts';
import { callTool, initialize, listTools, modern, proxyEvent } from '../../bench/gateway-events.ts';
import { startLocalServices } from '../../bench/local-services.ts';
import { buildCache } from '../../lib/bundle/esbuild-run.ts';
import { HoldfastStack } from '../../lib/holdfast-stack.ts';
import { runFresh } from '../support/fresh-process.ts';

/** `optimizations: false` builds the functions that contain the MCP SDK with the unmodified libraries. */

jest.setTimeout(60_000);

/** The modules of each build, by its first entry point. */
const mockInputs = new Map<string, string[]>();
jest.mock('esbuild', () => {
  const esbuild = jest.requireActual('esbuild');
  return {
    ...esbuild,
    buildSync(options: BuildOptions) {
      const result = esbuild.buildSync(options);
      const { outputs = {} }: Partial<Metafile> = result.metafile ?? {};
      const inputs = Object.values(outputs).flatMap((each) => Object.keys(each.inputs));
      const [entry] = Object.values(options.entryPoints as Record<string, string | { in: string }>);
      mockInputs.set(typeof entry === 'string' ? entry : entry!.in, inputs);
      return result;
    },
  };
});

// Every bundle is built, also one that an earlier process has kept.
jest.mock('../../lib/bundle/esbuild-run.ts', () => {
  const folder = jest
    .requireActual('node:fs')
    .mkdtempSync(`${jest.requireActual('node:os').tmpdir()}/holdfast-builds-`);
  return { ...jest.requireActual('../../lib/bundle/esbuild-run.ts'), buildCache: folder };
});

test.each([true, false])(
  'with optimizations %s, the MCP function alone changes its table client and its SDK, and answers requests',
  async (optimizations) => {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-switch-'));
    mockInputs.clear();
    try {
      const { context } = JSON.parse(readFileSync(join(__dirname, '../../cdk.json'), 'utf8'));
      const app = new App({
        outdir: folder,
        context: { ...context, 'aws:cdk:enable-asset-metadata': true },
        builtinCloudFormationValidation: false,
      });
      new HoldfastStack(app, 'Holdfast', { optimizations });
      app.synth();
      // The second step of the MCP function, which chooses modules of Holdfast's half by their names.
      const [, mcp] = [...mockInputs].find(([entry]) => entry.endsWith('/mcp.mjs'))!;
      const has = (what: string) => mcp.some((file) => file.includes(what));
      for (const [name, isUsed] of [
        ['/client/signed-table-client.mjs', optimizations],
        ['/client/sdk-table-client.mjs', !optimizations],
        ['@aws-sdk/client-dynamodb/', !optimizations],
        ['/sdk/sdk-shortcuts.mjs', optimizations],
        ['/sdk/no-sdk-shortcuts.mjs', !optimizations],
        ['/.cache/holdfast/sdk-', optimizations],
        ['@modelcontextprotocol/server/dist/index.mjs', !optimizations],
      ] as const) {
        expect([name, has(name)]).toEqual([name, isUsed]);
      }

      // The other functions are the same in each deployment.
      const openers = [...mockInputs].filter(([, inputs]) =>
        inputs.some((file) => file.endsWith('/adapters/dynamodb/table-connection.ts')),
      );
      expect(openers.length).toBe(4);
      for (const [entry, inputs] of openers.filter(([entry]) => !/\/mcp\.ts$/.test(entry))) {
        const clients = inputs
          .filter((file) => /(sdk|signed)-table-client\.ts$/.test(file))
          .map((file) => basename(file));
        expect([entry, clients]).toEqual([entry, ['signed-table-client.ts']]);
        expect(inputs.some((file) => file.includes('@aws-sdk/client-dynamodb/'))).toBe(false);
      }

      const services = await startLocalServices(folder);
      try {
        const { file, handler, environment } = deployed(services.template, folder, 'Mcp');
        const requests = [initialize, callTool('whoami'), listTools, modern(callTool('whoami'))].map((message) => ({
          event: proxyEvent(message, services.caller, services.token),
          segments: [1],
          expect: '"result"',
        }));
        await runFresh({ file, handler, requests }, { ...services.environment, ...environment });
        expect(services.count()).toMatchObject({ BatchGetItem: expect.any(Number), PutItem: expect.any(Number) });
      } finally {
        await services.close();
      }
    } finally {
      rmSync(buildCache, { recursive: true });
      rmSync(folder, { recursive: true, force: true });
    }
  },
);
