import { createHash, createPublicKey, verify } from 'node:crypto';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CreateKeyCommand,
  DecryptCommand,
  DescribeKeyCommand,
  EncryptCommand,
  GenerateDataKeyCommand,
  GenerateDataKeyWithoutPlaintextCommand,
  GetPublicKeyCommand,
  KMSClient,
  SignCommand,
  VerifyCommand,
} from '@aws-sdk/client-kms';
import type { Statement } from '../../local/iam/iam-policy.ts';
import { emulatorPrincipal, FunctionPrincipals } from '../../local/iam/principals.ts';
import { type Kms, startKms } from '../../local/kms/kms-service.ts';

const running: Kms[] = [];
const clients: KMSClient[] = [];
const folder = mkdtempSync(join(tmpdir(), 'holdfast-kms-'));
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await Promise.all(running.splice(0).map((each) => each.close()));
});
afterAll(() => rmSync(folder, { recursive: true }));

const root = { AWS: 'arn:aws:iam::000000000000:root' };
const signing = { KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' };

/** KMS with a key for signing and one for encryption; `statements` are the role of the client `limited`. */
async function start(options: { folder?: string; statements?: Statement[]; properties?: object } = {}) {
  const principals = new FunctionPrincipals();
  principals.add('LOCAL', emulatorPrincipal);
  principals.add('LIMITED', { functionName: 'OAuth', statements: options.statements ?? [] });
  const service = await startKms({ folder: options.folder, principals });
  running.push(service);
  const clientOf = (accessKeyId: string) => {
    const client = new KMSClient({
      endpoint: service.endpoint,
      region: 'us-east-1',
      credentials: { accessKeyId, secretAccessKey: 'x' },
      maxAttempts: 1,
    });
    clients.push(client);
    return client;
  };
  return {
    service,
    signer: service.createKey('Signer', { ...signing, ...options.properties }),
    encrypter: service.createKey('Encrypter', { ...options.properties }),
    kms: clientOf('LOCAL'),
    limited: clientOf('LIMITED'),
  };
}

const bytes = (text: string) => new TextEncoder().encode(text);
const sha256 = (message: Uint8Array) => createHash('sha256').update(message).digest();
const purpose = (name: string) => ({ EncryptionContext: { purpose: name } });
const SigningAlgorithm = 'ECDSA_SHA_256' as const;

describe('a signature', () => {
  it('of a message or of its digest verifies with the public key outside KMS', async () => {
    const { kms, signer } = await start();
    const { PublicKey } = await kms.send(new GetPublicKeyCommand({ KeyId: signer.keyId }));
    const key = createPublicKey({ key: Buffer.from(PublicKey!), type: 'spki', format: 'der' });
    expect(key.asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
    // Many messages, because a leading zero or a high bit in r or s changes the DER encoding.
    for (let i = 0; i < 100; i++) {
      const message = bytes(`message ${i}`);
      const raw = new SignCommand({ KeyId: signer.arn, Message: message, SigningAlgorithm });
      const digest = new SignCommand({
        KeyId: signer.arn,
        Message: sha256(message),
        MessageType: 'DIGEST',
        SigningAlgorithm,
      });
      for (const command of [raw, digest]) {
        const { Signature, KeyId } = await kms.send(command);
        expect(KeyId).toBe(signer.arn);
        expect(verify('sha256', message, key, Signature!)).toBe(true);
      }
    }
  });

  it('of a message or of its digest verifies in KMS for both', async () => {
    const { kms, signer } = await start();
    const message = bytes('message');
    const forms = [
      { Message: message, MessageType: 'RAW' },
      { Message: sha256(message), MessageType: 'DIGEST' },
    ] as const;
    for (const signed of forms) {
      const { Signature } = await kms.send(new SignCommand({ KeyId: signer.keyId, ...signed, SigningAlgorithm }));
      for (const form of forms) {
        const command = { KeyId: signer.keyId, ...form, Signature, SigningAlgorithm };
        expect((await kms.send(new VerifyCommand(command))).SignatureValid).toBe(true);
        for (const other of [
          { Signature: bytes('no signature') },
          { Message: form.MessageType === 'RAW' ? bytes('other') : sha256(bytes('other')) },
        ]) {
          await expect(kms.send(new VerifyCommand({ ...command, ...other }))).rejects.toMatchObject({
            name: 'KMSInvalidSignatureException',
          });
        }
      }
    }
  });

  it('is rejected for other algorithms, invalid digests and other keys', async () => {
    const { kms, signer, encrypter } = await start();
    const sign = (changes: object) =>
      kms.send(new SignCommand({ KeyId: signer.keyId, Message: bytes('m'), SigningAlgorithm, ...changes }));
    await expect(sign({ SigningAlgorithm: 'ECDSA_SHA_384' })).rejects.toMatchObject({
      name: 'InvalidKeyUsageException',
    });
    await expect(sign({ MessageType: 'DIGEST' })).rejects.toMatchObject({ name: 'ValidationException' });
    await expect(sign({ Message: new Uint8Array(4097) })).rejects.toMatchObject({ name: 'ValidationException' });
    await expect(sign({ KeyId: encrypter.keyId })).rejects.toMatchObject({ name: 'InvalidKeyUsageException' });
    await expect(sign({ KeyId: 'unknown' })).rejects.toMatchObject({ name: 'NotFoundException' });
  });
});

describe('encryption', () => {
  it('restores the plaintext for the same context in any order', async () => {
    const { kms, encrypter } = await start();
    const { CiphertextBlob } = await kms.send(
      new EncryptCommand({ KeyId: encrypter.keyId, Plaintext: bytes('secret'), EncryptionContext: { a: '1', b: '2' } }),
    );
    const { Plaintext, KeyId } = await kms.send(
      new DecryptCommand({ CiphertextBlob, EncryptionContext: { b: '2', a: '1' } }),
    );
    expect(Buffer.from(Plaintext!).toString()).toBe('secret');
    expect(KeyId).toBe(encrypter.arn);
  });

  it('generates data keys of the requested length, with and without plaintext', async () => {
    const { kms, encrypter } = await start();
    const made = await kms.send(
      new GenerateDataKeyCommand({ KeyId: encrypter.arn, KeySpec: 'AES_256', ...purpose('upstream') }),
    );
    expect(made.Plaintext).toHaveLength(32);
    const opened = await kms.send(new DecryptCommand({ CiphertextBlob: made.CiphertextBlob, ...purpose('upstream') }));
    expect(opened.Plaintext).toEqual(made.Plaintext);
    const withoutPlaintext = await kms.send(
      new GenerateDataKeyWithoutPlaintextCommand({ KeyId: encrypter.arn, NumberOfBytes: 24 }),
    );
    expect(withoutPlaintext).not.toHaveProperty('Plaintext');
    expect(
      (await kms.send(new DecryptCommand({ CiphertextBlob: withoutPlaintext.CiphertextBlob }))).Plaintext,
    ).toHaveLength(24);
    for (const wrong of [{}, { KeySpec: 'AES_256', NumberOfBytes: 32 }, { NumberOfBytes: 1025 }] as const) {
      await expect(kms.send(new GenerateDataKeyCommand({ KeyId: encrypter.arn, ...wrong }))).rejects.toMatchObject({
        name: 'ValidationException',
      });
    }
  });

  it('rejects another context, an altered blob and another key', async () => {
    const { kms, encrypter, signer, service } = await start();
    const { CiphertextBlob } = await kms.send(
      new EncryptCommand({ KeyId: encrypter.keyId, Plaintext: bytes('secret'), ...purpose('upstream') }),
    );
    const decrypt = (changes: object) =>
      kms.send(new DecryptCommand({ CiphertextBlob, ...purpose('upstream'), ...changes }));
    await decrypt({ KeyId: encrypter.arn });
    const invalid = { name: 'InvalidCiphertextException' };
    await expect(decrypt(purpose('refresh-mac'))).rejects.toMatchObject(invalid);
    await expect(decrypt({ EncryptionContext: undefined })).rejects.toMatchObject(invalid);
    for (const position of [0, 16, CiphertextBlob!.length - 17, CiphertextBlob!.length - 1]) {
      const altered = CiphertextBlob!.with(position, CiphertextBlob![position]! ^ 1);
      await expect(decrypt({ CiphertextBlob: altered })).rejects.toMatchObject(invalid);
    }
    await expect(decrypt({ CiphertextBlob: bytes('short') })).rejects.toMatchObject(invalid);
    const other = service.createKey('Other', {});
    await expect(decrypt({ KeyId: other.keyId })).rejects.toMatchObject({ name: 'IncorrectKeyException' });
    await expect(kms.send(new EncryptCommand({ KeyId: signer.keyId, Plaintext: bytes('x') }))).rejects.toMatchObject({
      name: 'InvalidKeyUsageException',
    });
  });
});

describe('permissions', () => {
  const mayDecrypt = (arn: string): Statement => ({
    Effect: 'Allow',
    Action: ['kms:Decrypt', 'kms:GenerateDataKey'],
    Resource: arn,
    Condition: { StringEquals: { 'kms:EncryptionContext:purpose': ['upstream'] } },
  });
  const anyKey = 'arn:aws:kms:us-east-1:000000000000:key/*';

  it('depend on action, key and encryption context', async () => {
    const { limited, encrypter, signer } = await start({ statements: [mayDecrypt(anyKey)] });
    const generate = (name: string) =>
      limited.send(new GenerateDataKeyCommand({ KeyId: encrypter.keyId, KeySpec: 'AES_256', ...purpose(name) }));
    const { CiphertextBlob } = await generate('upstream');
    await limited.send(new DecryptCommand({ CiphertextBlob, ...purpose('upstream') }));
    await expect(generate('refresh-mac')).rejects.toMatchObject({
      name: 'AccessDeniedException',
      message:
        'User: arn:aws:sts::000000000000:assumed-role/OAuth/local is not authorized to perform: kms:GenerateDataKey ' +
        `on resource: ${encrypter.arn} because no identity-based policy of OAuth allows the kms:GenerateDataKey action ` +
        '(kms:EncryptionContext:purpose: refresh-mac; kms:EncryptionContextKeys: purpose)',
    });
    await expect(limited.send(new DecryptCommand({ CiphertextBlob }))).rejects.toMatchObject({
      name: 'AccessDeniedException',
    });
    await expect(limited.send(new GetPublicKeyCommand({ KeyId: signer.keyId }))).rejects.toMatchObject({
      name: 'AccessDeniedException',
    });
  });

  it.each([
    ['no statement', [], false],
    [
      'a statement for one role',
      [
        {
          Effect: 'Allow',
          Principal: { AWS: `${root.AWS.replace('root', 'role/x')}` },
          Action: 'kms:*',
          Resource: '*',
        },
      ],
      false,
    ],
    ['delegation to the account', [{ Effect: 'Allow', Principal: root, Action: 'kms:*', Resource: '*' }], true],
    [
      'delegation of another action',
      [{ Effect: 'Allow', Principal: root, Action: 'kms:Encrypt', Resource: '*' }],
      false,
    ],
    [
      'delegation and a denial',
      [
        { Effect: 'Allow', Principal: root, Action: 'kms:*', Resource: '*' },
        { Effect: 'Deny', Principal: '*', Action: 'kms:GetPublicKey', Resource: '*' },
      ],
      false,
    ],
  ] as [string, Statement[], boolean][])('require the key policy too: %s', async (_name, Statement, allowed) => {
    const { kms, signer } = await start({ properties: { KeyPolicy: { Version: '2012-10-17', Statement } } });
    const response = kms.send(new GetPublicKeyCommand({ KeyId: signer.keyId }));
    if (allowed) await response;
    else
      await expect(response).rejects.toMatchObject({
        name: 'AccessDeniedException',
        message: expect.stringContaining('policy'),
      });
  });

  it('are not supported for a key policy that denies something to one principal', async () => {
    const { service } = await start();
    const KeyPolicy = { Statement: [{ Effect: 'Deny', Principal: { AWS: 'x' }, Action: '*', Resource: '*' }] };
    expect(() => service.createKey('Denying', { KeyPolicy })).toThrow('not supported by the local emulator');
  });
});

describe('keys', () => {
  it('survive a restart in a file that only its owner can read', async () => {
    const first = await start({ folder });
    const { CiphertextBlob } = await first.kms.send(
      new EncryptCommand({ KeyId: first.encrypter.keyId, Plaintext: bytes('x') }),
    );
    const { PublicKey } = await first.kms.send(new GetPublicKeyCommand({ KeyId: first.signer.keyId }));
    expect(statSync(join(folder, 'kms.json')).mode & 0o777).toBe(0o600);

    const second = await start({ folder });
    expect(second.encrypter).toEqual(first.encrypter);
    expect(Buffer.from((await second.kms.send(new DecryptCommand({ CiphertextBlob }))).Plaintext!).toString()).toBe(
      'x',
    );
    expect((await second.kms.send(new GetPublicKeyCommand({ KeyId: second.signer.keyId }))).PublicKey).toEqual(
      PublicKey,
    );
  });

  it('are replaced if their spec has changed', async () => {
    const { service, encrypter } = await start();
    expect(service.createKey('Encrypter', signing).keyId).not.toBe(encrypter.keyId);
    expect(() => service.createKey('Encrypter', { KeySpec: 'RSA_2048' })).toThrow('RSA_2048');
  });

  it('can be described but not used while disabled', async () => {
    const { kms, signer } = await start({ properties: { Enabled: false } });
    const { KeyMetadata } = await kms.send(new DescribeKeyCommand({ KeyId: signer.keyId }));
    expect(KeyMetadata).toMatchObject({
      Arn: signer.arn,
      KeySpec: 'ECC_NIST_P256',
      KeyUsage: 'SIGN_VERIFY',
      Enabled: false,
    });
    await expect(
      kms.send(new SignCommand({ KeyId: signer.keyId, Message: bytes('m'), SigningAlgorithm })),
    ).rejects.toMatchObject({ name: 'DisabledException' });
  });
});

it('KMS answers 500 while the failure switch is on, and rejects CreateKey', async () => {
  const { kms, service } = await start();
  await expect(kms.send(new CreateKeyCommand({}))).rejects.toMatchObject({ name: 'UnknownOperationException' });
  service.fail(true);
  await expect(kms.send(new DescribeKeyCommand({ KeyId: 'x' }))).rejects.toMatchObject({
    $metadata: { httpStatusCode: 500 },
  });
});
