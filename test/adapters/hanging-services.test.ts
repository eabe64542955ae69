import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { openKms } from '../../lambda/adapters/kms/kms-client.ts';
import { kmsSigner } from '../../lambda/adapters/kms/kms-signer.ts';
import { lambdaWorker } from '../../lambda/adapters/lambda/worker-invoker.ts';
import { ServiceUnavailableError } from '../../lambda/core/support/service-unavailable-error.ts';

/** Services that accept a request and never answer. `table-client-failures.test.ts` tests the table's clients. */

jest.setTimeout(30_000);

const before = { ...process.env };
afterEach(() => {
  for (const name of Object.keys(process.env)) if (!Object.hasOwn(before, name)) delete process.env[name];
});

test('a service without a response is asked three times and reported as unavailable', async () => {
  const asked: string[] = [];
  const server = createServer(({ headers, url }) => asked.push(String(headers['x-amz-target'] ?? url)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const AWS_ENDPOINT_URL = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const credentials = { AWS_ACCESS_KEY_ID: 'ID', AWS_SECRET_ACCESS_KEY: 'secret' };
  Object.assign(process.env, { AWS_ENDPOINT_URL, AWS_REGION: 'us-east-1', ...credentials });

  const outcomes = await Promise.allSettled([
    kmsSigner(openKms(), 'key').sign(new Uint8Array(1)),
    lambdaWorker('worker').start({} as never),
  ]);
  expect(outcomes.map((each) => each.status === 'rejected' && each.reason instanceof ServiceUnavailableError)).toEqual([
    true,
    true,
  ]);
  const [SIGN, INVOKE] = ['TrentService.Sign', '/2015-03-31/functions/worker/invocations'];
  expect(asked.toSorted()).toEqual([INVOKE, INVOKE, INVOKE, SIGN, SIGN, SIGN]);
  server.closeAllConnections();
  server.close();
});
