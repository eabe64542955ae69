import { realpathSync } from 'node:fs';
import { readContent } from '../../lib/bundle/stack-content.ts';
import type { ResolvedStack, StackDeployment } from '../stack-deployment.ts';
import { Sources } from './changed-sources.ts';
import { rebuild } from './server-code.ts';
import { watchSources } from './source-watch.ts';

export type SourceReloadOptions = {
  /** The folder of the CDK app. */
  project: string;
  /** The folder of the cloud assembly. */
  assembly: string;
  /** The folder of the build records. */
  records: string;
  deployment: StackDeployment;
  /** Runs the CDK app. */
  synthesize(): Promise<ResolvedStack>;
  report: {
    /** Sources have changed. Requests wait if the server is among them. */
    rebuilding(part: 'server' | 'app'): void;
    /** The outcome of the change. */
    reloaded(outcome: string): void;
    warning(line: string): void;
  };
};

/**
 * Deploys each change of the sources. From a change of the server on, requests wait: they get the new code, or the previous
 * one if the new one does not build or load, after the error has been reported. While the CDK app runs for another file, the
 * previous version responds.
 *
 * @returns stops watching
 */
export function reloadOnChange(options: SourceReloadOptions): () => void {
  const { assembly, records, deployment, synthesize, report } = options;
  const project = realpathSync(options.project);
  const sourcesNow = (hasFailed: boolean) =>
    new Sources({ project, codes: deployment.serverCode, content: readContent(records), hasFailed });
  let sources = sourcesNow(false);
  /** The part whose change the operator has been shown. */
  let rebuilding: 'server' | 'app' | undefined;
  let resume = () => {};

  /** @returns the outcome; undefined if the files are no sources after all */
  async function reload(files: ReadonlySet<string>): Promise<string | undefined> {
    const change = sources.reloadFor(files);
    if (change.type === 'nothing') return undefined;
    if (change.type === 'app') return deployment.update(await synthesize());
    return deployment.replaceCode(change.codes.map((code) => rebuild(code, assembly, report.warning)));
  }

  const stop = watchSources(project, {
    isSource: (file) => sources.isSource(file),
    noticed(file) {
      const part = sources.isModule(file) ? 'server' : 'app';
      if (rebuilding === 'server' || rebuilding === part) return;
      if (part === 'server') resume = deployment.functions.pause();
      rebuilding = part;
      report.rebuilding(part);
    },
    async changed(files) {
      try {
        report.reloaded((await reload(files)) ?? 'nothing to deploy');
        sources = sourcesNow(false);
      } catch (error) {
        report.reloaded(`${(error as Error).message}\nThe previous version is still running.`);
        sources = sourcesNow(true);
      }
    },
    settled() {
      rebuilding = undefined;
      resume();
    },
  });
  return () => {
    stop();
    resume();
  };
}
