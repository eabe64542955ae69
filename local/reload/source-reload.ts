import { realpathSync } from 'node:fs';
import type { ResolvedStack, StackDeployment } from '../stack-deployment.ts';
import { isSource, reloadFor } from './changed-sources.ts';
import { rebuild } from './server-code.ts';
import { watchSources } from './source-watch.ts';

export type SourceReloadOptions = {
  /** The folder of the CDK app. */
  project: string;
  /** The folder of the cloud assembly. */
  assembly: string;
  deployment: StackDeployment;
  /** Runs the CDK app. */
  synthesize(): Promise<ResolvedStack>;
  report: {
    /** Sources have changed. */
    rebuilding(): void;
    /** The outcome of the change. */
    reloaded(outcome: string): void;
    warning(line: string): void;
  };
};

/**
 * Deploys each change of the sources. From the first change on, requests wait: they get the new code, or the previous one
 * if the new one does not build or load, after the error has been reported.
 *
 * @returns stops watching
 */
export function reloadOnChange({ project, assembly, deployment, synthesize, report }: SourceReloadOptions): () => void {
  let resume = () => {};

  /** @returns the outcome; undefined if the files are no sources after all */
  async function reload(files: ReadonlySet<string>): Promise<string | undefined> {
    const change = reloadFor(files, deployment.serverCode);
    if (change.type === 'nothing') return undefined;
    if (change.type === 'app') return deployment.update(await synthesize());
    return deployment.replaceCode(change.codes.map((code) => rebuild(code, assembly, report.warning)));
  }

  const stop = watchSources(realpathSync(project), {
    isSource: (file) => isSource(project, file, deployment.serverCode),
    began() {
      resume = deployment.functions.pause();
      report.rebuilding();
    },
    async changed(files) {
      try {
        report.reloaded((await reload(files)) ?? 'nothing to deploy');
      } catch (error) {
        report.reloaded(`${(error as Error).message}\nThe previous version is still running.`);
      }
    },
    settled: () => resume(),
  });
  return () => {
    stop();
    resume();
  };
}
