import { type FSWatcher, readdirSync, watch } from 'node:fs';
import { join } from 'node:path';

/** An editor writes a file in several steps, and a checkout writes many files. */
const QUIET_MS = 100;

/** Folders of a project that contain no sources. */
const outputs = new Set(['node_modules', 'cdk.out', 'dist', 'coverage']);

/** The folders of a project whose changes can change its stack, or its server. */
export const sourceFolders = (project: string): string[] =>
  readdirSync(project, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.') && !outputs.has(entry.name))
    .map(({ name }) => join(project, name));

/**
 * Calls `onChange` when the folders have changed and no further change has followed for `QUIET_MS`. A change while
 * `onChange` runs makes it run once more.
 *
 * @param onChange must not reject
 * @returns stops watching
 */
export function watchSources(folders: string[], onChange: () => Promise<void>): () => void {
  let timer: NodeJS.Timeout | undefined;
  let running = false;
  let changedMeanwhile = false;

  async function run(): Promise<void> {
    if (running) {
      changedMeanwhile = true;
      return;
    }
    running = true;
    await onChange();
    running = false;
    if (changedMeanwhile) {
      changedMeanwhile = false;
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
