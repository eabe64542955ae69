import { type FSWatcher, watch } from 'node:fs';

/** Editors write a file in several steps, and a checkout writes many files. */
const QUIET_MS = 100;

/**
 * Runs `react` whenever something in the folders has changed, once things have been quiet for a moment. While it runs,
 * changes are remembered and make it run once more.
 *
 * @returns what ends it
 */
export function watchSources(folders: string[], react: () => Promise<void>): () => void {
  let timer: NodeJS.Timeout | undefined;
  let running = false;
  let again = false;

  async function run(): Promise<void> {
    if (running) {
      again = true;
      return;
    }
    running = true;
    await react();
    running = false;
    if (again) {
      again = false;
      await run();
    }
  }

  const watchers: FSWatcher[] = folders.map((folder) =>
    watch(folder, { recursive: true }, () => {
      clearTimeout(timer);
      timer = setTimeout(run, QUIET_MS);
    }),
  );
  return () => {
    clearTimeout(timer);
    for (const watcher of watchers) watcher.close();
  };
}
