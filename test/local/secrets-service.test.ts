import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GetSecretValueCommand, ListSecretsCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
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
  const service = await startSecrets({ folder, principals });
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
  const file = join(folder, 'secrets.json');
  return {
    file,
    client,
    write: (secrets: object) => writeFileSync(file, JSON.stringify(secrets)),
    get: async (SecretId: string) => (await client.send(new GetSecretValueCommand({ SecretId }))).SecretString,
  };
}

it('returns the current value of the file by ARN and by name', async () => {
  const { get, write } = await start();
  write({ [arn]: 'hush', other: 'psst' });
  expect(await get(arn)).toBe('hush');
  expect(await get('other')).toBe('psst');
  write({ [arn]: 'changed' });
  expect(await get(arn)).toBe('changed');
});

it('names the file for a missing value', async () => {
  const { get, file, write } = await start();
  const missing = { name: 'ResourceNotFoundException', message: expect.stringContaining(file) };
  await expect(get(arn)).rejects.toMatchObject(missing);
  write({});
  await expect(get(arn)).rejects.toMatchObject(missing);
});

it.each(['{"idp": "hush"', '["hush"]', '{"idp": {"nested": "hush"}}'])(
  'names the file, and no secret, when its content is %s',
  async (content) => {
    const { get, file } = await start();
    writeFileSync(file, content);
    const error = await get(arn).catch((thrown) => thrown);
    expect(error).toMatchObject({ name: 'InvalidRequestException', message: expect.stringContaining(file) });
    expect(error.message).not.toContain('hush');
  },
);

it('denies a secret that the role does not allow, whether it exists or not', async () => {
  const { get, client } = await start();
  await expect(get('third')).rejects.toMatchObject({ name: 'AccessDeniedException' });
  await expect(client.send(new ListSecretsCommand({}))).rejects.toMatchObject({ name: 'UnknownOperationException' });
});
