import { type FSWatcher, readdirSync, watch } from 'node:fs';
import { join } from 'node:path';

/** An editor writes a file in several steps, and a checkout writes many files. */
const QUIET_MS = 100;

/** Folders of a project that contain no sources. */
const outputs = new Set(['node_modules', 'cdk.out', 'dist', 'coverage']);

export type SourceWatch = {
  /** Whether a change of the file counts. */
  isSource(file: string): boolean;
  /** A file has changed. It runs at once. */
  noticed(file: string): void;
  /** The files that have changed, when no further change has followed for `QUIET_MS`. Must not reject. */
  changed(files: ReadonlySet<string>): Promise<void>;
  /** No change is left. */
  settled(): void;
};

/**
 * Watches the sources of a project. Files that change while `changed` runs are passed to another run.
 *
 * @param project absolute path
 * @returns stops watching
 */
export function watchSources(project: string, { isSource, noticed, changed, settled }: SourceWatch): () => void {
  let timer: NodeJS.Timeout | undefined;
  let files = new Set<string>();
  let running = false;

  async function run(): Promise<void> {
    if (running) return;
    running = true;
    while (files.size > 0) {
      const batch = files;
      files = new Set();
      await changed(batch);
    }
    running = false;
    settled();
  }

  const note = (file: string) => {
    if (!isSource(file)) return;
    noticed(file);
    files.add(file);
    clearTimeout(timer);
    timer = setTimeout(run, QUIET_MS);
  };
  const watchers: FSWatcher[] = [
    watch(project, (_, name) => {
      if (name !== null) note(join(project, name));
    }),
    ...sourceFolders(project).map((folder) =>
      watch(folder, { recursive: true }, (_, name) => note(name === null ? folder : join(folder, name))),
    ),
  ];
  return () => {
    clearTimeout(timer);
    for (const watcher of watchers) watcher.close();
  };
}

const sourceFolders = (project: string): string[] =>
  readdirSync(project, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.') && !outputs.has(entry.name))
    .map(({ name }) => join(project, name));
