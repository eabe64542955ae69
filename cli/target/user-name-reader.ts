import { DecryptCommand, KMSClient, type KMSClientConfig } from '@aws-sdk/client-kms';
import { dynamoSealedKeyStore } from '../../lambda/adapters/dynamodb/sealed-key-store.ts';
import type { TableConnection } from '../../lambda/adapters/dynamodb/table-connection.ts';
import { base64, type KmsClient } from '../../lambda/adapters/kms/kms-client.ts';
import { kmsSealer } from '../../lambda/adapters/kms/kms-sealer.ts';
import { UserNames } from '../../lambda/core/identity/user-names.ts';
import { fromBase64url } from '../../lambda/core/support/crypto.ts';
import { sealedKey } from '../../lambda/core/support/sealed-key.ts';
import { notify } from '../output/terminal.ts';

const PURPOSE = 'user-names';

/**
 * Opens the names of users, if the deployment stores them and the credentials may decrypt them. Otherwise one line on
 * standard error says so, and lists show user keys.
 */
export async function readUserNames(table: TableConnection, access: KMSClientConfig): Promise<UserNames | undefined> {
  const store = dynamoSealedKeyStore(table);
  const sealed = await store.loadKey(PURPOSE);
  if (sealed === undefined) return undefined;
  const client = new KMSClient(access);
  try {
    // The ciphertext names its key, so the operator need not pass it.
    const CiphertextBlob = fromBase64url(sealed.split('.')[0]!);
    const EncryptionContext = { table: table.name, purpose: PURPOSE };
    const { KeyId, Plaintext } = await client.send(new DecryptCommand({ CiphertextBlob, EncryptionContext }));
    // Names are only read, so the sealer decrypts this data key and nothing else.
    const kms: KmsClient = async () => ({ Plaintext: base64(Plaintext!) });
    const names = new UserNames(sealedKey(store, kmsSealer(kms, KeyId!, table.name), PURPOSE));
    await names.load();
    return names;
  } catch (error) {
    // A list without names is more useful than none.
    const { name } = error as Error;
    notify(`User names are not available: KMS denied kms:Decrypt (${name}). Lists show user keys.`);
    return undefined;
  }
}
