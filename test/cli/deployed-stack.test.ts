import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { DeploymentMarker } from '../../lib/deployment-marker.ts';
import { DataFolder } from '../../local/data-folder.ts';
import { freePort } from '../../local/free-port.ts';
import { runCli } from '../support/cli-process.ts';
import { FakeCloudFormation, markerOf } from '../support/fake-cloudformation.ts';

/** Selects the deployment over HTTP, as on AWS. The table service answers with the name of the selected table. */

jest.setTimeout(60_000);

const folder = mkdtempSync(join(tmpdir(), 'holdfast-stack-'));
let cloudFormation: FakeCloudFormation;
let closedEndpoint: string;
/** Knows no table, and so names the selected one. */
let dynamoDb: Server;

beforeAll(async () => {
  cloudFormation = await FakeCloudFormation.start();
  closedEndpoint = `http://127.0.0.1:${await freePort()}`;
  dynamoDb = createServer(async (request, response) => {
    const { TableName } = JSON.parse(await text(request));
    response.writeHead(400).end(JSON.stringify({ __type: 'ResourceNotFoundException', message: TableName }));
  }).listen(0, '127.0.0.1');
  await once(dynamoDb, 'listening');
});
afterAll(() => {
  cloudFormation.stop();
  dynamoDb.close();
  dynamoDb.closeAllConnections();
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  const deployments = [markerOf()];
  cloudFormation.requests.length = 0;
  cloudFormation.errors = {};
  cloudFormation.stacks = [
    { name: 'Another', outputs: { TableName: 'another-table' } },
    { name: 'Holdfast-gone', status: 'DELETE_COMPLETE', deployments },
    { name: 'Holdfast-never', status: 'ROLLBACK_COMPLETE', deployments },
    { name: 'Renamed', status: 'UPDATE_ROLLBACK_COMPLETE', deployments },
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
    AWS_ENDPOINT_URL_DYNAMODB: `http://127.0.0.1:${(dynamoDb.address() as AddressInfo).port}`,
    AWS_MAX_ATTEMPTS: '1',
    HOLDFAST_DATA: folder,
    ...environment,
  });

/** The table that the command line reads. */
const tableOf = ({ errors }: { errors: string }) => /^The table does not exist \((.*)\)/.exec(errors)?.[1];

/** The stack of an owner with two constructs. */
const addOwnerStack = () =>
  cloudFormation.stacks.push({
    name: 'Owner',
    deployments: [
      markerOf({ construct: 'First', table: 'first-table' }),
      markerOf({ construct: 'Tools/Second', table: 'second-table' }),
    ],
  });

test('finds the only live deployment by its marker, on any page and in a stack of any name', async () => {
  const result = await holdfast([]);
  expect([result.code, result.out, tableOf(result)]).toEqual([1, '', 'the-table']);
});

test('describes only the stack of --stack', async () => {
  expect(tableOf(await holdfast(['--stack', 'Renamed']))).toBe('the-table');
  expect(cloudFormation.requests.map((each) => [each.get('Action'), each.get('StackName')])).toEqual([
    ['DescribeStacks', 'Renamed'],
  ]);
});

test('selects one of several constructs of a stack by its path', async () => {
  addOwnerStack();
  expect(tableOf(await holdfast(['--stack', 'Owner/Tools/Second']))).toBe('second-table');
});

test('rejects an ambiguous selection and lists the options that resolve it', async () => {
  addOwnerStack();
  const { code, errors } = await holdfast([]);
  expect([code, errors.split('\n')]).toEqual([
    2,
    [
      'Several deployments in eu-central-1; add one of',
      '  --stack Owner/First',
      '  --stack Owner/Tools/Second',
      '  --stack Renamed',
      '',
    ],
  ]);
  const inStack = await holdfast(['--stack', 'Owner']);
  expect([inStack.code, inStack.errors]).toEqual([2, expect.not.stringContaining('Renamed')]);
});

test('reports the region in which no deployment was found', async () => {
  cloudFormation.stacks = [];
  const { code, errors } = await holdfast(['--region', 'ap-south-1']);
  expect([code, errors]).toEqual([
    1,
    expect.stringMatching(/^No deployment of Holdfast in ap-south-1; .*--stack.*--region.*--local/),
  ]);
});

test('rejects a stack that does not exist or has no marker', async () => {
  const unknown = await holdfast(['--stack', 'Holdfast-typo']);
  expect([unknown.code, unknown.errors]).toEqual([1, expect.stringMatching(/^No stack Holdfast-typo in eu-central-1/)]);
  const other = await holdfast(['--stack', 'Another']);
  expect([other.code, other.errors]).toEqual([1, expect.stringMatching(/^Another in eu-central-1 is no deployment/)]);
  addOwnerStack();
  const third = await holdfast(['--stack', 'Owner/Third']);
  expect([third.code, third.errors]).toEqual([1, expect.stringMatching(/^Owner\/Third in eu-central-1 is no/)]);
});

test('rejects the marker of another version of its format', async () => {
  const marker = { ...markerOf(), version: 2 } as unknown as DeploymentMarker;
  cloudFormation.stacks = [{ name: 'Newer', deployments: [marker] }];
  const { code, errors } = await holdfast([]);
  expect([code, errors]).toEqual([1, expect.stringMatching(/^The deployment has a marker of version 2, /)]);
});

describe('an AWS error is one line with a remedy:', () => {
  test.each([
    ['ExpiredToken', 403, /^The AWS credentials have expired\. Sign in again.*\n$/],
    ['InvalidClientTokenId', 403, /^AWS rejected the credentials \(InvalidClientTokenId\).*\n$/],
    ['AccessDenied', 403, /^AWS denied access: User: x is not authorized.*command-line\.md.*\n$/],
    ['Throttling', 400, /^AWS returned Throttling: .*\n$/],
  ])('%s', async (name, status, expected) => {
    cloudFormation.errors = { DescribeStacks: { status, code: name, message: 'User: x is not authorized' } };
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
      lambda: { endpoint: closedEndpoint },
      marker: markerOf(),
    };
    const { errors } = await holdfast([], {});
    data.release();
    expect(errors).toMatch(/A local emulator is running; pass --local to use it\.\n$/);
  });
});
