import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataFolder } from '../../local/data-folder.ts';
import { freePort } from '../../local/free-port.ts';
import { runCli } from '../support/cli-process.ts';
import { FakeCloudFormation } from '../support/fake-cloudformation.ts';

/** Selects the deployment over HTTP, as on AWS. No table service answers: the last request shows the selected stack. */

jest.setTimeout(60_000);

const folder = mkdtempSync(join(tmpdir(), 'holdfast-stack-'));
let cloudFormation: FakeCloudFormation;
let closedEndpoint: string;

beforeAll(async () => {
  cloudFormation = await FakeCloudFormation.start();
  closedEndpoint = `http://127.0.0.1:${await freePort()}`;
});
afterAll(() => {
  cloudFormation.stop();
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  const outputs = { TableName: 'the-table' };
  cloudFormation.requests.length = 0;
  cloudFormation.errors = {};
  cloudFormation.stacks = [
    { name: 'Another', outputs },
    { name: 'Holdfast-gone', status: 'DELETE_COMPLETE', outputs },
    { name: 'Holdfast-never', status: 'ROLLBACK_COMPLETE', outputs },
    { name: 'Holdfast-dev', status: 'UPDATE_ROLLBACK_COMPLETE', outputs },
  ];
});

const credentials = { AWS_ACCESS_KEY_ID: 'AKIAEXAMPLE', AWS_SECRET_ACCESS_KEY: 'x' };

const holdfast = (args: string[], environment: Record<string, string | undefined> = credentials) =>
  runCli(['users', 'list', ...args], {
    AWS_REGION: 'eu-central-1',
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_CONFIG_FILE: join(folder, 'none'),
    AWS_SHARED_CREDENTIALS_FILE: join(folder, 'none'),
    AWS_ENDPOINT_URL_CLOUDFORMATION: cloudFormation.endpoint,
    AWS_ENDPOINT_URL_DYNAMODB: closedEndpoint,
    AWS_MAX_ATTEMPTS: '1',
    HOLDFAST_DATA: folder,
    ...environment,
  });

const described = () =>
  cloudFormation.requests
    .filter((each) => each.get('Action') === 'DescribeStacks')
    .map((each) => each.get('StackName'));

test('selects the only live stack with the prefix of the project, on any page', async () => {
  const { code, out } = await holdfast([]);
  expect([code, out]).toEqual([1, '']);
  expect(described()).toEqual(['Holdfast-dev']);
});

test('selects a stack by any name with --stack', async () => {
  await holdfast(['--stack', 'Another']);
  expect(described()).toEqual(['Another']);
  expect(cloudFormation.requests.some((each) => each.get('Action') === 'ListStacks')).toBe(false);
});

test('rejects an ambiguous selection and lists the stacks', async () => {
  cloudFormation.stacks.push({ name: 'Holdfast-prod' });
  const { code, errors } = await holdfast([]);
  expect([code, errors]).toEqual([
    2,
    'Several stacks match in eu-central-1: Holdfast-dev, Holdfast-prod. Pass one with --stack.\n',
  ]);
});

test('reports the region in which no stack was found', async () => {
  cloudFormation.stacks = [];
  const { code, errors } = await holdfast(['--region', 'ap-south-1']);
  expect([code, errors]).toEqual([
    1,
    expect.stringMatching(/^No stack named Holdfast-… in ap-south-1; .*--stack.*--region.*--local/),
  ]);
});

test('rejects a stack that does not exist or is not of Holdfast', async () => {
  const unknown = await holdfast(['--stack', 'Holdfast-typo']);
  expect([unknown.code, unknown.errors]).toEqual([1, expect.stringMatching(/^No stack Holdfast-typo in eu-central-1/)]);
  cloudFormation.stacks = [{ name: 'Other', outputs: { Url: 'x' } }];
  const other = await holdfast(['--stack', 'Other']);
  expect([other.code, other.errors]).toEqual([1, expect.stringMatching(/no output TableName/)]);
});

test('uses default lifetimes without permission to read the template', async () => {
  cloudFormation.errors = { GetTemplate: { status: 403, code: 'AccessDenied', message: 'not authorized' } };
  const { errors } = await holdfast([]);
  expect(errors).toMatch(
    /^No permission to read the template of Holdfast-dev \(cloudformation:GetTemplate\); using default lifetimes/,
  );
});

describe('an AWS error is one line with a remedy:', () => {
  test.each([
    ['ExpiredToken', 403, /^The AWS credentials have expired\. Sign in again.*\n$/],
    ['InvalidClientTokenId', 403, /^AWS rejected the credentials \(InvalidClientTokenId\).*\n$/],
    ['AccessDenied', 403, /^AWS denied access: User: x is not authorized.*command-line\.md.*\n$/],
    ['Throttling', 400, /^AWS returned Throttling: .*\n$/],
  ])('%s', async (name, status, expected) => {
    cloudFormation.errors = { ListStacks: { status, code: name, message: 'User: x is not authorized' } };
    const { code, out, errors } = await holdfast([]);
    expect([code, out, errors]).toEqual([1, '', expect.stringMatching(expected)]);
  });

  test('missing credentials, missing or invalid region, no network', async () => {
    const without = await holdfast([], {});
    expect([without.code, without.errors]).toEqual([1, expect.stringMatching(/^No usable AWS credentials: [^\n]*\n$/)]);
    const noRegion = await holdfast([], { ...credentials, AWS_REGION: undefined });
    expect(noRegion.errors).toMatch(/^No AWS region configured; pass --region.*\n$/);
    const invalid = await holdfast(['--region', 'eu west']);
    expect(invalid.errors).toMatch(/^Invalid AWS region;.*\n$/);
    const offline = await holdfast([], { ...credentials, AWS_ENDPOINT_URL_CLOUDFORMATION: closedEndpoint });
    expect([offline.code, offline.errors]).toEqual([
      1,
      expect.stringMatching(/^AWS is unreachable \(.*ECONNREFUSED.*\n$/),
    ]);
  });

  test('missing credentials while a local emulator runs, with a hint to --local', async () => {
    const data = await DataFolder.claim(folder, false);
    data.operatorAccess = {
      dynamoDb: { endpoint: closedEndpoint, accessKeyId: 'x' },
      kms: { endpoint: closedEndpoint },
      outputs: {},
      table: 'x',
    };
    const { errors } = await holdfast([], {});
    data.release();
    expect(errors).toMatch(/A local emulator is running; pass --local to use it\.\n$/);
  });
});
