import { DecryptCommand, KMSClient, type KMSClientConfig } from '@aws-sdk/client-kms';
import { dynamoSealedKeyStore } from '../../lambda/adapters/dynamodb/sealed-key-store.ts';
import type { TableConnection } from '../../lambda/adapters/dynamodb/table-connection.ts';
import { kmsSealer } from '../../lambda/adapters/kms/kms-sealer.ts';
import { UserNames } from '../../lambda/core/identity/user-names.ts';
import { fromBase64url } from '../../lambda/core/support/crypto.ts';
import { sealedKey } from '../../lambda/core/support/sealed-key.ts';
import { say } from '../output/terminal.ts';

const PURPOSE = 'user-names';

/**
 * Opens the names of users, if the owner has chosen to keep them and these credentials may. Where they may not, one line
 * says so, and users are their keys.
 */
export async function openNames(table: TableConnection, access: KMSClientConfig): Promise<UserNames | undefined> {
  const store = dynamoSealedKeyStore(table);
  const sealed = await store.loadKey(PURPOSE);
  if (sealed === undefined) return undefined;
  const kms = new KMSClient(access);
  try {
    // KMS knows by the text itself which key has wrapped it, so the owner need not be asked.
    const { KeyId } = await kms.send(
      new DecryptCommand({
        CiphertextBlob: fromBase64url(sealed.split('.')[0]!),
        EncryptionContext: { table: table.name, purpose: PURPOSE },
      }),
    );
    const names = new UserNames(sealedKey(store, kmsSealer(kms, KeyId!, table.name), PURPOSE));
    await names.load();
    return names;
  } catch (error) {
    // A list without names is better than none.
    const { name } = error as Error;
    say(`Users are shown by their keys: KMS does not open their names for these credentials (${name}).`);
    return undefined;
  }
}
