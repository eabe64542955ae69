import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GetSecretValueCommand, ListSecretsCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { EnvironmentFile } from '../../local/environment-file.ts';
import { FunctionPrincipals } from '../../local/iam/principals.ts';
import { startSecrets } from '../../local/secrets-manager/secrets-service.ts';

const arn = 'arn:aws:secretsmanager:us-east-1:000000000000:secret:idp-AbCdEf';
const cleanups: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

/** A client whose role allows the secrets `idp` and, by name alone, `other`. */
async function start() {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-secrets-'));
  const principals = new FunctionPrincipals();
  const Resource = [arn, 'arn:aws:secretsmanager:us-east-1:000000000000:secret:other-??????'];
  principals.add('ID', {
    functionName: 'OAuth',
    statements: [{ Effect: 'Allow', Action: 'secretsmanager:GetSecretValue', Resource }],
  });
  const file = join(folder, '.env');
  const service = await startSecrets({ file: new EnvironmentFile(file), principals });
  const client = new SecretsManagerClient({
    endpoint: service.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'ID', secretAccessKey: 'x' },
    maxAttempts: 1,
  });
  cleanups.push(
    () => service.close(),
    () => client.destroy(),
    () => rmSync(folder, { recursive: true }),
  );
  return {
    file,
    client,
    service,
    write: (content: string) => writeFileSync(file, content),
    get: async (SecretId: string) => (await client.send(new GetSecretValueCommand({ SecretId }))).SecretString,
  };
}

it('returns the current value of the line that belongs to the ARN or name', async () => {
  const { get, write, service } = await start();
  service.add('IDP_CLIENT_SECRET', arn);
  service.add('OTHER', 'other');
  write('IDP_CLIENT_SECRET=hush\nOTHER=\'{"key":"psst"}\'\n');
  expect(await get(arn)).toBe('hush');
  expect(await get('other')).toBe('{"key":"psst"}');
  write('IDP_CLIENT_SECRET=changed');
  expect(await get(arn)).toBe('changed');
});

it('lists the secrets without a value, and names the line to add', async () => {
  const { get, file, write, service } = await start();
  service.add('IDP_CLIENT_SECRET', arn);
  service.add('IDP_CLIENT_SECRET', 'the same of another function');
  const missing = {
    name: 'ResourceNotFoundException',
    message: expect.stringContaining(`Add IDP_CLIENT_SECRET=<value> to ${file}`),
  };
  expect(service.missing()).toEqual(['IDP_CLIENT_SECRET']);
  await expect(get(arn)).rejects.toMatchObject(missing);
  write('IDP_CLIENT_SECRET=');
  expect(service.missing()).toEqual(['IDP_CLIENT_SECRET']);
  await expect(get(arn)).rejects.toMatchObject(missing);
  write('IDP_CLIENT_SECRET=hush');
  expect(service.missing()).toEqual([]);
});

it('names the setting for a secret that the stack does not declare', async () => {
  const { get } = await start();
  await expect(get(arn)).rejects.toMatchObject({
    name: 'ResourceNotFoundException',
    message: expect.stringContaining('Add it to the setting `secrets` of the stack'),
  });
});

it('denies a secret that the role does not allow, whether it exists or not', async () => {
  const { get, client } = await start();
  await expect(get('third')).rejects.toMatchObject({ name: 'AccessDeniedException' });
  await expect(client.send(new ListSecretsCommand({}))).rejects.toMatchObject({ name: 'UnknownOperationException' });
});
