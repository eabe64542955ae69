import fs, { mkdtempSync, rmSync } from 'node:fs';
import promises from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OidcProviderRecords } from '../../local/cognito/oidc-provider-records.ts';
import { KeyRing } from '../../local/kms/key-ring.ts';

/** Keys are on disk before anything is encrypted or signed with them, also after a power failure. */

const folder = mkdtempSync(join(tmpdir(), 'holdfast-synced-'));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => jest.restoreAllMocks());

test('a key of KMS is synced, renamed into place, and its name synced', () => {
  const calls: string[] = [];
  const { writeFileSync, renameSync, fsyncSync } = fs;
  jest.spyOn(fs, 'writeFileSync').mockImplementation((path, data, options) => {
    calls.push(`write, flush ${(options as { flush?: boolean }).flush}`);
    // Without its own sync, which would count as that of the folder.
    writeFileSync(path, data, { ...(options as object), flush: false });
  });
  jest.spyOn(fs, 'renameSync').mockImplementation((...parameters) => {
    calls.push('rename');
    renameSync(...parameters);
  });
  jest.spyOn(fs, 'fsyncSync').mockImplementation((descriptor) => {
    calls.push(fs.fstatSync(descriptor).isDirectory() ? 'sync of the folder' : 'sync of a file');
    fsyncSync(descriptor);
  });
  new KeyRing(folder).obtain('Key', 'SYMMETRIC_DEFAULT');
  expect(calls).toEqual(['write, flush true', 'rename', 'sync of the folder']);
});

test('a key of the identity provider is synced, renamed into place, and its name synced', async () => {
  const calls: string[] = [];
  const { writeFile, rename, open } = promises;
  jest.spyOn(promises, 'writeFile').mockImplementation(async (path, data, options) => {
    calls.push(`write, flush ${(options as { flush?: boolean }).flush}`);
    await writeFile(path, data, options);
  });
  jest.spyOn(promises, 'rename').mockImplementation(async (...parameters) => {
    calls.push('rename');
    await rename(...parameters);
  });
  jest.spyOn(promises, 'open').mockImplementation(async (...parameters) => {
    const handle = await open(...parameters);
    const isFolder = (await handle.stat()).isDirectory();
    const sync = handle.sync.bind(handle);
    handle.sync = async () => {
      calls.push(isFolder ? 'sync of the folder' : 'sync of a file');
      await sync();
    };
    return handle;
  });
  await new OidcProviderRecords(join(folder, 'identity-provider.json')).secret('signing', () => 'secret');
  expect(calls).toEqual(['write, flush true', 'rename', 'sync of the folder']);
});
