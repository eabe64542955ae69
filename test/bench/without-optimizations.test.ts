import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import type { BuildOptions, Metafile } from 'esbuild';
import { deployed } from '../../bench/built-assembly.ts';
import { callTool, initialize, listTools, modern, proxyEvent } from '../../bench/gateway-events.ts';
import { startLocalServices } from '../../bench/local-services.ts';
import { HoldfastStack } from '../../lib/holdfast-stack.ts';
import { runFresh } from '../support/fresh-process.ts';

/** `optimizations: false` builds the functions with the unmodified libraries. */

jest.setTimeout(60_000);

/** The modules of each build, by its first entry point. */
const mockInputs = new Map<string, string[]>();
jest.mock('esbuild', () => {
  const esbuild = jest.requireActual('esbuild');
  return {
    ...esbuild,
    buildSync(options: BuildOptions) {
      const result = esbuild.buildSync(options);
      const inputs = Object.values((result.metafile as Metafile).outputs).flatMap((each) => Object.keys(each.inputs));
      mockInputs.set((options.entryPoints as string[])[0]!, inputs);
      return result;
    },
  };
});

test.each([
  [true, 'signed'],
  [false, 'sdk'],
] as const)(
  'with optimizations %s, every function with a table uses the %s client, and the MCP function answers requests',
  async (optimizations, client) => {
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
      const openers = [...mockInputs.values()].filter((inputs) =>
        inputs.some((file) => file.endsWith('/dynamodb/table-connection.ts')),
      );
      expect(openers.length).toBe(4);
      for (const inputs of openers) {
        const clients = inputs
          .filter((file) => /(sdk|signed)-table-client\.ts$/.test(file))
          .map((file) => file.split('/').at(-1));
        expect(clients).toEqual([`${client}-table-client.ts`]);
        expect(inputs.some((file) => file.includes('@aws-sdk/client-dynamodb/'))).toBe(!optimizations);
      }

      // Holdfast's half of the MCP function, and then the function.
      const mcp = [...mockInputs].filter(([entry]) => /\/mcp\.(ts|mjs)$/.test(entry)).flatMap(([, files]) => files);
      const has = (what: string) => mcp.some((file) => file.includes(what));
      expect(has('/sdk/sdk-shortcuts.ts')).toBe(optimizations);
      expect(has('/sdk/no-sdk-shortcuts.ts')).toBe(!optimizations);
      expect(has('/.cache/holdfast/sdk-')).toBe(optimizations);
      expect(has('@modelcontextprotocol/server/dist/index.mjs')).toBe(!optimizations);

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
      rmSync(folder, { recursive: true, force: true });
    }
  },
);
