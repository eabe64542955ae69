import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ProjectCopy } from '../../bench/harness/project-copy.ts';
import { startHoldfast } from '../../local/testing/start-holdfast.ts';
import type { TestServer } from '../../local/testing/test-client.ts';

/** `startHoldfast` of `holdfast/testing`, with an app that has a stage and two deployments in a stack of the owner. */

jest.setTimeout(60_000);

const app = `
import { App, Stack, Stage } from 'aws-cdk-lib';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { Holdfast } from '../lib/holdfast-construct.ts';
import { settingsFromContext } from '../lib/settings/settings-from-context.ts';

const app = new App();
const owner = new Stack(new Stage(app, 'Prod'), 'Owner');
new Holdfast(owner, 'First');
new Holdfast(owner, 'Second', { ...settingsFromContext(app.node), upstreamTokens: true });
new Queue(owner, 'Jobs');
`;

const lines: string[] = [];
let project: ProjectCopy;
let server: TestServer;

beforeAll(async () => {
  project = new ProjectCopy();
  writeFileSync(join(project.root, 'bin/holdfast.ts'), app);
  server = await startHoldfast({
    project: project.root,
    stack: 'Prod-Owner/Second',
    context: { clientDocuments: 'off' },
    cold: true,
    log: (line) => lines.push(line),
  });
});
afterAll(async () => {
  await server?.close();
  project.remove();
});

const textOf = ({ content }: { content?: unknown }) => JSON.parse((content as [{ text: string }])[0].text);

describe.each(['modern', 'legacy'] as const)('a client of the %s era', (era) => {
  test('is signed in as a new user with groups, and answers an elicitation', async () => {
    const client = await server.connect({
      era,
      user: `eve-${era}`,
      groups: ['editors'],
      elicit: () => ({ action: 'accept', content: { forget: true } }),
    });
    expect(textOf(await client.callTool({ name: 'whoami' })).user.groups).toEqual(['editors']);
    await client.callTool({ name: 'note', arguments: { name: 'plan', text: 'x' } });
    expect(textOf(await client.callTool({ name: 'forget_note', arguments: { name: 'plan' } }))).toEqual({
      forgotten: true,
    });
  });
});

test('a user of the emulator keeps the groups of the pool', async () => {
  const client = await server.connect({ user: 'grace' });
  expect(textOf(await client.callTool({ name: 'whoami' })).user.groups).toEqual(['admins']);
});

test('the app has the context of the start', async () => {
  const metadata = await fetch(server.mcpUrl.replace(/mcp$/, '.well-known/oauth-authorization-server'));
  expect(await metadata.json()).not.toHaveProperty('client_id_metadata_document_supported');
});

test('the log has requests and the resources that are not emulated', () => {
  expect(lines).toContain('Not emulated, of Prod-Owner: AWS::SQS::Queue');
  expect(lines).toContainEqual(expect.stringMatching(/^POST \/mcp 200/));
});

test('a start that fails throws the reason, and ends its process', async () => {
  await expect(startHoldfast({ project: join(project.root, 'lib') })).rejects.toThrow('has no cdk.json');
});
