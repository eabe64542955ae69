import { closeSync, fsyncSync, openSync } from 'node:fs';
import { open } from 'node:fs/promises';

/** Windows cannot sync a folder. */
const isSupported = process.platform !== 'win32';

/** Makes the names in a folder durable: a file that was renamed into it is there after a power failure. */
export async function syncFolder(folder: string): Promise<void> {
  if (!isSupported) return;
  const handle = await open(folder);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

export function syncFolderSync(folder: string): void {
  if (!isSupported) return;
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
