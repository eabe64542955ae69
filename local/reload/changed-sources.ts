import { existsSync } from 'node:fs';
import { basename, dirname, relative, resolve, sep } from 'node:path';
import { buildSync } from 'esbuild';
import { fileOf } from '../../lib/bundle/metafile.ts';
import type { ServerCode } from './server-code.ts';

/** The work that a change of the sources requires. */
export type Reload =
  | { type: 'nothing' }
  /** The bundles that contain a changed module are built again. */
  | { type: 'server'; codes: ServerCode[] }
  /** The CDK app runs again. */
  | { type: 'app' };

/** Files of editors and tests, which are part of no stack. */
const ignored = /(^|[/\\])(\.[^/\\]*|tests?|__tests__)([/\\]|$)|\.(test|spec)\.\w+$|~$/;

/** The folder of a project's documentation, which is part of a stack only as one of its `assets`. */
const documentation = 'docs';

/** A module can become part of the app or of a bundle: the app of a file that did not exist is known only when it runs. */
const code = /\.[cm]?[jt]sx?$/;

/** Files of the project's folder that the app or esbuild reads. `.env` is read by itself (environment-file.ts). */
const configuration = ['cdk.json', 'cdk.context.json', 'package.json', 'tsconfig.json'];

export type SourcesOptions = {
  /** Absolute path of the folder of the CDK app. */
  project: string;
  codes: readonly ServerCode[];
  /** Files and folders, beside modules, that the stack is made of: absolute paths. */
  content: readonly string[];
  /** The last change has failed. Any file may be the one that it lacked. */
  hasFailed: boolean;
};

/** The files that a stack is made of, as its last synthesis and the last build of its bundles have read them. */
export class Sources {
  readonly #options: SourcesOptions;
  #app: { modules: string[] | undefined } | undefined;

  constructor(options: SourcesOptions) {
    this.#options = options;
  }

  /** Whether a change of the file can require a reload. */
  isSource(file: string): boolean {
    const { project, codes, hasFailed } = this.#options;
    if (this.isModule(file)) return true;
    const path = relative(project, file);
    if (ignored.test(path)) return false;
    if (this.#isContent(file)) return true;
    if (path.split(sep)[0] === documentation) return false;
    if (hasFailed || code.test(file) || configuration.includes(path)) return true;
    const folder = dirname(file);
    // The app reads files that it does not import, most likely those beside it.
    const isBesideApp = folder !== project && codes.some(({ record }) => record.app && dirname(record.app) === folder);
    return isBesideApp || this.#isOfApp(file);
  }

  /** Whether a bundle with an owner's server contains the file. */
  isModule(file: string): boolean {
    return this.#options.codes.some(({ record }) => record.modules.includes(file));
  }

  /**
   * A module that is in a bundle and that the CDK app does not load changes the bundle only. Any other file may be part of
   * the app, or of what it reads.
   */
  reloadFor(changed: Iterable<string>): Reload {
    const { codes } = this.#options;
    // Editors create and delete files beside the one that they save.
    const files = [...changed].filter((file) => existsSync(file) || this.isModule(file) || this.#isContent(file));
    if (files.length === 0) return { type: 'nothing' };
    if (files.some((file) => !this.isModule(file) || this.#isOfApp(file))) return { type: 'app' };
    return { type: 'server', codes: codes.filter(({ record }) => files.some((file) => record.modules.includes(file))) };
  }

  #isContent(file: string): boolean {
    return this.#options.content.some((path) => file === path || file.startsWith(`${path}${sep}`));
  }

  /** Whether the CDK app imports the file, or may do so: its imports cannot be known. */
  #isOfApp(file: string): boolean {
    this.#app ??= { modules: modulesOfApps(this.#options.codes) };
    return this.#app.modules?.includes(file) ?? true;
  }
}

function modulesOfApps(codes: readonly ServerCode[]): string[] | undefined {
  const modules = [...new Set(codes.map(({ record }) => record.app))].map(modulesOfApp);
  return modules.includes(undefined) ? undefined : modules.flatMap((each) => each!);
}

/** @returns absolute paths; undefined if they cannot be known */
function modulesOfApp(app: string | undefined): string[] | undefined {
  if (app === undefined || !existsSync(app)) return undefined;
  const folder = dirname(app);
  try {
    const { metafile } = buildSync({
      entryPoints: [basename(app)],
      absWorkingDir: folder,
      bundle: true,
      packages: 'external',
      platform: 'node',
      format: 'esm',
      logLevel: 'silent',
      write: false,
      metafile: true,
    });
    return Object.keys(metafile.inputs).map((path) => resolve(folder, fileOf(path)));
  } catch {
    // The app has an error, which running it shows.
    return undefined;
  }
}
