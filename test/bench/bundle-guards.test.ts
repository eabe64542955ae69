import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { App } from 'aws-cdk-lib';
import type { BuildOptions, Metafile } from 'esbuild';
import { deployed } from '../../bench/built-assembly.ts';
import type { Requests } from '../../bench/function-process.ts';
import { authorizerEvent, callTool, initialize, listTools, modern, proxyEvent } from '../../bench/gateway-events.ts';
import { type LocalServices, startLocalServices } from '../../bench/local-services.ts';
import { HoldfastStack } from '../../lib/holdfast-stack.ts';
import { buildCounting } from '../support/counting-build.ts';
import { type Loaded, runFresh } from '../support/fresh-process.ts';

/**
 * What makes functions slow and dear, held without a clock: how large they are, of how many modules, what of it is loaded
 * before the first answer, and how often schemas are converted. What requests ask of the table and the key service is
 * held by `test/e2e/store-requests.test.ts`, and what that costs by `cost.test.ts`.
 *
 * Limits stand a little above what is. Who needs more raises one in the same commit, and says there what it buys; the two
 * of the MCP function and the authorizer are budgets (`docs/performance.md`), and are for the owner to raise.
 */

jest.setTimeout(60_000);

/** What esbuild was asked for by `lib/bundle/function-bundle.ts`, and what it says that it has built. */
type Build = { options: BuildOptions; metafile: Metafile };
const mockBuilds: Build[] = [];
jest.mock('esbuild', () => {
  const esbuild = jest.requireActual('esbuild');
  return {
    ...esbuild,
    buildSync(options: BuildOptions) {
      const result = esbuild.buildSync({ ...options, metafile: true });
      mockBuilds.push({ options, metafile: result.metafile });
      return result;
    },
  };
});

let folder: string;
let services: LocalServices;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-guards-'));
  const { context } = JSON.parse(readFileSync(join(__dirname, '../../cdk.json'), 'utf8'));
  const app = new App({
    outdir: folder,
    context: { ...context, 'aws:cdk:enable-asset-metadata': true },
    builtinCloudFormationValidation: false,
  });
  // As `bin/holdfast.ts` has it by default.
  new HoldfastStack(app, 'Holdfast', { upstreamTokens: true });
  app.synth();
  services = await startLocalServices(folder);
});
afterAll(async () => {
  await services?.close();
  rmSync(folder, { recursive: true, force: true });
});

const functionOf = (construct: string) => deployed(services.template, folder, construct);
const buildOf = (source: string) =>
  mockBuilds.find(({ options }) => basename((options.entryPoints as string[])[0]!) === source)!;

/** How many modules of each package are in the bundle, after what is not used has been left out. */
function packagesIn(source: string): Map<string, number> {
  const [output] = Object.values(buildOf(source).metafile.outputs);
  const packages = new Map<string, number>();
  for (const input of Object.keys(output!.inputs)) {
    const name = input.includes('/.cache/holdfast/sdk-')
      ? '@modelcontextprotocol/server'
      : (/.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(input)?.[1] ?? 'our own');
    packages.set(name, (packages.get(name) ?? 0) + 1);
  }
  return packages;
}

describe('sizes', () => {
  test.each([
    ['Mcp', 453_000, '2 % above 443,888; the budget is 614,400'],
    ['Authorizer', 40_960, 'a budget: every connection waits for it first'],
    // Sign-in and dashboard wait for a person; each more tenth of a megabyte is 5 to 10 ms of a cold start.
    ['OAuth', 332_500, '2 % above 325,916'],
    ['Dashboard', 161_900, '2 % above 158,700'],
    // Nobody waits for it, but it is paid for by the millisecond, 8,640 times a month.
    ['Rollup', 39_600, '2 % above 38,839'],
  ])('the function %s has %d bytes at most: %s', (construct, most) => {
    expect(statSync(functionOf(construct).file).size).toBeLessThanOrEqual(most);
  });

  test('the worker is the MCP function', () => {
    expect(functionOf('Worker').file).toBe(functionOf('Mcp').file);
  });

  test('script and style of the page have 110 KB at most as they are sent', () => {
    const beside = dirname(functionOf('Dashboard').file);
    const sizes = ['main.js.gz', 'main.css.gz'].map((name) => statSync(join(beside, name)).size);
    expect(sizes[0]! + sizes[1]!).toBeLessThan(110 * 1024);
  });
});

describe('modules', () => {
  test('the MCP function is made of these packages, and of 146 modules at most', () => {
    const packages = packagesIn('mcp.ts');
    // A package more is written down here, after a look at what it takes to load: npm run bench -- --part cold.
    expect([...packages.keys()].sort()).toEqual([
      '@aws-sdk/util-dynamodb',
      '@modelcontextprotocol/core',
      '@modelcontextprotocol/server',
      '@smithy/core',
      '@smithy/signature-v4',
      'oauth4webapi',
      'our own',
      'zod',
    ]);
    expect(sum(packages.values())).toBeLessThanOrEqual(146);
  });

  test('the authorizer is made of one package, and of 27 modules at most', () => {
    const packages = packagesIn('authorizer.ts');
    expect([...packages.keys()].sort()).toEqual(['aws-jwt-verify', 'our own']);
    expect(sum(packages.values())).toBeLessThanOrEqual(27);
  });

  test('no function has ajv, which the SDK would load and compile schemas with', () => {
    const doors = mockBuilds.filter(({ options }) => options.format === 'cjs');
    const inputs = doors.flatMap(({ metafile }) => Object.values(metafile.outputs).map((each) => each.inputs));
    expect(inputs.length).toBe(5);
    expect(inputs.flatMap((each) => Object.keys(each)).filter((name) => /\bajv/i.test(name))).toEqual([]);
  });
});

/** The function as it is deployed, in a fresh process. */
const runDeployed = (construct: string, requests: Requests[]): Promise<Loaded> => {
  const { file, handler, environment } = functionOf(construct);
  return runFresh({ file, handler, requests }, { ...services.environment, ...environment });
};

const mcpRequest = (message: Parameters<typeof proxyEvent>[0], count = 1): Requests => ({
  event: proxyEvent(message, services.caller, services.token),
  segments: [count],
  expect: '"result"',
});

/** Node's own modules that take milliseconds, by how Node names them in `process.moduleLoadList`. */
const dear = {
  undici: 'NativeModule internal/deps/undici/undici',
  http2: 'NativeModule http2',
  webstreams: 'NativeModule internal/webstreams/readablestream',
  webcrypto: 'NativeModule internal/crypto/webcrypto',
  zlib: 'NativeModule zlib',
  child_process: 'NativeModule child_process',
};
const dearIn = ({ loaded }: Loaded) =>
  Object.entries(dear)
    .filter(([, name]) => loaded.includes(name))
    .map(([name]) => name);
const packagesAskedFor = ({ required }: Loaded) =>
  required.filter((name) => /^@|^[a-z]/.test(name) && !isBuiltin(name));

describe('before the first answer', () => {
  test('the authorizer has loaded nothing of the web, and nothing that is not in its bundle', async () => {
    const event = authorizerEvent(services.token);
    const loaded = await runDeployed('Authorizer', [{ event, segments: [1], expect: '"Allow"' }]);
    expect(dearIn(loaded)).toEqual([]);
    expect(packagesAskedFor(loaded)).toEqual([]);
  });

  test.each<[string, () => Requests[]]>([
    ['with a session', () => [mcpRequest(initialize), mcpRequest(callTool('whoami'))]],
    ['as 2026-07-28 has it', () => [mcpRequest(modern(callTool('whoami')))]],
  ])('the MCP function, %s, has loaded no client of the AWS SDK', async (_what, requests) => {
    const loaded = await runDeployed('Mcp', requests());
    // Lambda's own copies: of the key service, the secrets and the worker, when a tool first needs them.
    expect(packagesAskedFor(loaded)).toEqual([]);
    expect(loaded.required.filter((name) => name.startsWith('node:')).sort()).toEqual([
      'node:async_hooks',
      'node:crypto',
      'node:fs',
      'node:https',
      'node:stream',
      'node:url',
    ]);
    expect(dearIn(loaded).sort()).toEqual(['webcrypto']);
  });

  test('importing the MCP function loads neither undici nor what comes with it', async () => {
    expect(dearIn(await runDeployed('Mcp', []))).toEqual(['webcrypto']);
  });
});

/** A tool whose arguments have a schema. */
const note = callTool('note', { name: 'guard', text: 'kept' });

describe('JSON schemas', () => {
  let file: string;
  beforeAll(async () => {
    file = join(folder, 'counting', 'index.cjs');
    await buildCounting(buildOf('mcp.ts').options, file);
  });

  async function conversions(...requests: Requests[]): Promise<number> {
    const { handler, environment } = functionOf('Mcp');
    return (await runFresh({ file, handler, requests }, { ...services.environment, ...environment })).conversions;
  }

  /** What each of ten requests converts after the first one of its kind. */
  async function perWarmRequest(message: Parameters<typeof proxyEvent>[0], ...before: Requests[]): Promise<number> {
    const [one, eleven] = await Promise.all([1, 11].map((count) => conversions(...before, mcpRequest(message, count))));
    return (eleven! - one!) / 10;
  }

  test('are made of tools at all: this count counts', async () => {
    expect(await conversions(mcpRequest(initialize), mcpRequest(listTools))).toBeGreaterThan(0);
  });

  test.each<[string, () => Promise<number>]>([
    ['a call', () => perWarmRequest(callTool('whoami'), mcpRequest(initialize))],
    ['a call with arguments', () => perWarmRequest(note, mcpRequest(initialize))],
    ['a list of tools', () => perWarmRequest(listTools, mcpRequest(initialize))],
    ['a call as 2026-07-28 has it', () => perWarmRequest(modern(callTool('whoami')))],
    ['a call with arguments as 2026-07-28 has it', () => perWarmRequest(modern(note))],
    ['a list of tools as 2026-07-28 has it', () => perWarmRequest(modern(listTools))],
  ])('are not made again for %s', async (_what, work) => {
    expect(await work()).toBe(0);
  });
});

const sum = (numbers: Iterable<number>) => [...numbers].reduce((total, each) => total + each, 0);
