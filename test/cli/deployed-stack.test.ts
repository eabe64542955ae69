import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataFolder } from '../../local/data-folder.ts';
import { freePort } from '../../local/free-port.ts';
import { run } from '../support/cli-process.ts';
import { FakeCloudFormation } from '../support/fake-cloudformation.ts';

/** How the deployment is found that is meant, over HTTP as at AWS. Its table is nowhere: what is asked last says which. */

jest.setTimeout(60_000);

const folder = mkdtempSync(join(tmpdir(), 'holdfast-stack-'));
let cloudFormation: FakeCloudFormation;
let nowhere: string;

beforeAll(async () => {
  cloudFormation = await FakeCloudFormation.start();
  nowhere = `http://127.0.0.1:${await freePort()}`;
});
afterAll(() => {
  cloudFormation.stop();
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  const outputs = { TableName: 'the-table' };
  cloudFormation.asked.length = 0;
  cloudFormation.refused = {};
  cloudFormation.stacks = [
    { name: 'Another', outputs },
    { name: 'Holdfast-gone', status: 'DELETE_COMPLETE', outputs },
    { name: 'Holdfast-never', status: 'ROLLBACK_COMPLETE', outputs },
    { name: 'Holdfast-dev', status: 'UPDATE_ROLLBACK_COMPLETE', outputs },
  ];
});

const credentials = { AWS_ACCESS_KEY_ID: 'AKIAEXAMPLE', AWS_SECRET_ACCESS_KEY: 'x' };

const holdfast = (args: string[], environment: Record<string, string | undefined> = credentials) =>
  run(['users', 'list', ...args], {
    AWS_REGION: 'eu-central-1',
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_CONFIG_FILE: join(folder, 'none'),
    AWS_SHARED_CREDENTIALS_FILE: join(folder, 'none'),
    AWS_ENDPOINT_URL_CLOUDFORMATION: cloudFormation.endpoint,
    AWS_ENDPOINT_URL_DYNAMODB: nowhere,
    AWS_MAX_ATTEMPTS: '1',
    HOLDFAST_DATA: folder,
    ...environment,
  });

const described = () =>
  cloudFormation.asked.filter((each) => each.get('Action') === 'DescribeStacks').map((each) => each.get('StackName'));

test('the only live stack is meant that is called as this project calls them, on whichever page it is', async () => {
  const { code, out } = await holdfast([]);
  expect([code, out]).toEqual([1, '']);
  expect(described()).toEqual(['Holdfast-dev']);
});

test('a stack can be named, whatever it is called', async () => {
  await holdfast(['--stack', 'Another']);
  expect(described()).toEqual(['Another']);
  expect(cloudFormation.asked.some((each) => each.get('Action') === 'ListStacks')).toBe(false);
});

test('of several nobody guesses', async () => {
  cloudFormation.stacks.push({ name: 'Holdfast-prod' });
  const { code, errors } = await holdfast([]);
  expect([code, errors]).toEqual([
    2,
    'Several stacks in eu-central-1 may be meant: Holdfast-dev, Holdfast-prod. Say which with --stack.\n',
  ]);
});

test('where there is none, one says where it was looked for', async () => {
  cloudFormation.stacks = [];
  const { code, errors } = await holdfast(['--region', 'ap-south-1']);
  expect([code, errors]).toEqual([1, expect.stringMatching(/^No stack in ap-south-1 .*--stack.*--region.*--local/)]);
});

test('a stack that does not exist, or is none of ours, is no deployment', async () => {
  const unknown = await holdfast(['--stack', 'Holdfast-typo']);
  expect([unknown.code, unknown.errors]).toEqual([
    1,
    expect.stringMatching(/^There is no stack Holdfast-typo in eu-central-1/),
  ]);
  cloudFormation.stacks = [{ name: 'Other', outputs: { Url: 'x' } }];
  const other = await holdfast(['--stack', 'Other']);
  expect([other.code, other.errors]).toEqual([1, expect.stringMatching(/no output TableName/)]);
});

test('whoever may not read the template is told what is guessed', async () => {
  cloudFormation.refused = { GetTemplate: { status: 403, code: 'AccessDenied', message: 'not authorized' } };
  const { errors } = await holdfast([]);
  expect(errors).toMatch(/^The template of Holdfast-dev may not be read \(cloudformation:GetTemplate\)/);
});

describe('what AWS refuses is one line with what to do:', () => {
  test.each([
    ['ExpiredToken', 403, /^The AWS credentials have expired\. Sign in again.*\n$/],
    ['InvalidClientTokenId', 403, /^AWS does not accept these credentials \(InvalidClientTokenId\).*\n$/],
    ['AccessDenied', 403, /^AWS does not allow it: User: x is not authorized.*command-line\.md.*\n$/],
    ['Throttling', 400, /^AWS says Throttling: .*\n$/],
  ])('%s', async (name, status, says) => {
    cloudFormation.refused = { ListStacks: { status, code: name, message: 'User: x is not authorized' } };
    const { code, out, errors } = await holdfast([]);
    expect([code, out, errors]).toEqual([1, '', expect.stringMatching(says)]);
  });

  test('no credentials, no region, no network', async () => {
    const without = await holdfast([], {});
    expect([without.code, without.errors]).toEqual([
      1,
      expect.stringMatching(/^No AWS credentials can be used: [^\n]*\n$/),
    ]);
    const noRegion = await holdfast([], { ...credentials, AWS_REGION: undefined });
    expect(noRegion.errors).toMatch(/^It is not known which AWS region is meant\. Say so with --region.*\n$/);
    const odd = await holdfast(['--region', 'eu west']);
    expect(odd.errors).toMatch(/^No AWS region is called so\..*\n$/);
    const offline = await holdfast([], { ...credentials, AWS_ENDPOINT_URL_CLOUDFORMATION: nowhere });
    expect([offline.code, offline.errors]).toEqual([
      1,
      expect.stringMatching(/^AWS cannot be reached \(.*ECONNREFUSED.*\n$/),
    ]);
  });

  test('no credentials while a local cloud runs: then that may be meant', async () => {
    const data = await DataFolder.claim(folder, false);
    data.operatorAccess = {
      dynamoDb: { endpoint: nowhere, accessKeyId: 'x' },
      kms: { endpoint: nowhere },
      outputs: {},
      table: 'x',
    };
    const { errors } = await holdfast([], {});
    data.release();
    expect(errors).toMatch(/A local cloud is running: --local is how to mean it\.\n$/);
  });
});
