import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GetSecretValueCommand, ListSecretsCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { FunctionPrincipals } from '../../local/iam/principals.ts';
import { startSecrets } from '../../local/secrets-service.ts';

const arn = 'arn:aws:secretsmanager:us-east-1:000000000000:secret:idp-AbCdEf';
const endings: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0)) await end();
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
  endings.push(
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

it('gives a value by ARN and by name, as the file has it now', async () => {
  const { get, write } = await start();
  write({ [arn]: 'hush', other: 'psst' });
  expect(await get(arn)).toBe('hush');
  expect(await get('other')).toBe('psst');
  write({ [arn]: 'changed' });
  expect(await get(arn)).toBe('changed');
});

it('says where a missing value belongs', async () => {
  const { get, file, write } = await start();
  const missing = { name: 'ResourceNotFoundException', message: expect.stringContaining(file) };
  await expect(get(arn)).rejects.toMatchObject(missing);
  write({});
  await expect(get(arn)).rejects.toMatchObject(missing);
});

it('refuses what the role does not allow, also to say whether it exists', async () => {
  const { get, client } = await start();
  await expect(get('third')).rejects.toMatchObject({ name: 'AccessDeniedException' });
  await expect(client.send(new ListSecretsCommand({}))).rejects.toMatchObject({ name: 'UnknownOperationException' });
});
