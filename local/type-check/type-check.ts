import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants, setPriority } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { watchSources } from '../reload/source-watch.ts';
import { type Diagnostic, parseDiagnostics } from './diagnostics.ts';

export type TypeCheckOptions = {
  /** The folder of the CDK app and of its `tsconfig.json`. */
  project: string;
  /** The folder that keeps what the compiler knows of unchanged files, for the next check. */
  folder: string;
  report: {
    /** The errors of a change. None: those of the check before are mended. */
    typeErrors(errors: readonly Diagnostic[]): void;
    warning(line: string): void;
  };
};

/**
 * Checks the types of an owner's project in the background, at once and after each change, with the compiler that the
 * project has installed. The compiler is a process of low priority that ends after each check. A project without a
 * `tsconfig.json` has no types to check.
 *
 * @returns ends the checks, and the compiler
 */
export function startTypeCheck({ project, folder, report }: TypeCheckOptions): () => void {
  const configuration = join(project, 'tsconfig.json');
  if (!existsSync(configuration)) return () => undefined;
  const compiler = compilerOf(project);
  if (compiler === undefined) {
    report.warning('Type errors are not shown: npm install --save-dev typescript, or start with --no-type-check');
    return () => undefined;
  }
  const buildInfo = ['--incremental', '--tsBuildInfoFile', join(folder, 'types.tsbuildinfo')];
  const args = [compiler, '--project', configuration, '--noEmit', '--pretty', 'false', ...buildInfo];
  const ended = new AbortController();
  let hadErrors = false;

  async function check(): Promise<void> {
    if (ended.signal.aborted) return;
    const { output, failure } = await runAtLowPriority(args, project, ended.signal);
    if (ended.signal.aborted) return;
    const errors = parseDiagnostics(output);
    if (errors.length === 0 && failure !== undefined) {
      report.warning(`The type check failed: ${failure}`);
      return;
    }
    if (errors.length > 0 || hadErrors) report.typeErrors(errors);
    hadErrors = errors.length > 0;
  }

  let last = check();
  const stopWatching = watchSources(project, {
    isSource: (file) => /\.[cm]?[jt]sx?$|[/\\](tsconfig[^/\\]*|package)\.json$/.test(file),
    noticed: () => undefined,
    changed: () => (last = last.then(check)),
    settled: () => undefined,
  });
  return () => {
    stopWatching();
    ended.abort();
  };
}

/** @returns the path of the compiler's command; undefined if the project has none */
function compilerOf(project: string): string | undefined {
  const require = createRequire(join(project, 'package.json'));
  let manifest: string;
  try {
    manifest = require.resolve('typescript/package.json');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return undefined;
    throw error;
  }
  const { bin } = JSON.parse(readFileSync(manifest, 'utf8')) as { bin: { tsc: string } };
  return join(dirname(manifest), bin.tsc);
}

type Run = {
  output: string;
  /** The reason of an exit other than 0. */
  failure: string | undefined;
};

async function runAtLowPriority(args: string[], cwd: string, signal: AbortSignal): Promise<Run> {
  const child = spawn(process.execPath, args, { cwd, signal, stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = new Promise<string | undefined>((resolve) => {
    child.once('error', ({ message }) => resolve(message));
    child.once('close', (code, by) => resolve(code === 0 ? undefined : `the compiler ended with ${code ?? by}`));
  });
  if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_LOW);
  const [output, errors, failure] = await Promise.all([text(child.stdout), text(child.stderr), exited]);
  return { output, failure: failure && [failure, ...errors.trim().split('\n')].join(' ').trim() };
}
