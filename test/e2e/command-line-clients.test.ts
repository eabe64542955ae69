import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { ClientHome } from '../support/client-home.ts';
import { installPrograms } from '../support/installed-programs.ts';
import { TestCloud } from '../support/test-cloud.ts';

jest.setTimeout(120_000);

/** The installation takes up to a minute, once. */
const INSTALLATION_MILLISECONDS = 300_000;

let emulator: TestCloud;
let whenDone: (() => Promise<void>) | undefined;
let client: ClientHome;
let programs: string;

beforeAll(async () => {
  programs = installPrograms(['@modelcontextprotocol/inspector@2.12.0'], '--ignore-scripts');
  emulator = await TestCloud.start();
}, INSTALLATION_MILLISECONDS);
afterAll(() => emulator.stop());
beforeEach(() => {
  client = new ClientHome([programs]);
});
afterEach(async () => {
  await whenDone?.();
  whenDone = undefined;
  client.remove();
});

describe.each(['legacy', 'modern'])('the Inspector on the command line, in the %s era', (era) => {
  test('signs in with the browser, lists the tools and calls one', async () => {
    const inspect = (...method: string[]) =>
      client.run('mcp-inspector', [
        '--cli',
        emulator.mcpUrl,
        '--transport',
        'http',
        '--protocol-era',
        era,
        '--method',
        ...method,
      ]);
    const listed = await inspect('tools/list');
    expect({ ...listed, stdout: JSON.parse(listed.stdout || '{}') }).toMatchObject({
      code: 0,
      stdout: { tools: expect.arrayContaining([expect.objectContaining({ name: 'whoami' })]) },
    });
    const called = await inspect('tools/call', '--tool-name', 'session');
    expect(called).toMatchObject({ code: 0, stdout: expect.stringContaining(era) });
  });
});

test('mcp-remote connects a stdio client through sign-in and a restart', async () => {
  const transport = new StdioClientTransport({
    command: 'mcp-remote',
    args: [emulator.mcpUrl],
    env: client.environment,
    cwd: client.folder,
    stderr: 'pipe',
  });
  const assistant = new Client({ name: 'behind-mcp-remote', version: '1' });
  whenDone = () => assistant.close();
  await assistant.connect(transport, { timeout: 60_000 });
  const sessionId = async () => {
    const { content } = await assistant.callTool({ name: 'session', arguments: {} });
    return JSON.parse((content as { text: string }[])[0]!.text).id;
  };
  const before = await sessionId();
  await emulator.restart();
  expect(await sessionId()).toBe(before);
  const progress: number[] = [];
  await assistant.callTool({ name: 'slow_task', arguments: { steps: 3 } }, undefined, {
    onprogress: ({ progress: step }) => progress.push(step),
  });
  // mcp-remote can deliver the result before the last progress notification.
  expect(progress.slice(0, 2)).toEqual([1, 2]);
});
