import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';
import { AssetStaging } from 'aws-cdk-lib/core';
import type { Construct } from 'constructs';
import { EMULATOR_VARIABLE } from '../package-files.ts';
import type { HoldfastSettings } from '../settings/holdfast-settings.ts';
import { recordsFolder } from './build-record.ts';
import { project } from './esbuild-run.ts';
import { CONTENT_SUFFIX } from './stack-content.ts';

/**
 * Records at synthesis the files and folders of the project that the app's assets are made of, if the local emulator runs
 * the CDK app: a change of another file that is no module requires no synthesis.
 */
export function recordContent(scope: Construct, settings: Pick<HoldfastSettings, 'assets' | 'icon'>): void {
  const { [EMULATOR_VARIABLE]: isLocal, CDK_OUTDIR } = process.env;
  if (isLocal === undefined || CDK_OUTDIR === undefined) return;
  const folder = recordsFolder(CDK_OUTDIR);
  scope.node.addValidation({
    validate() {
      const assets = scope.node.root.node.findAll().filter((each) => each instanceof AssetStaging);
      const { assets: folders = [], icon = [] } = settings;
      const paths = [...assets.map(({ sourcePath }) => sourcePath), ...[folders, icon].flat()];
      const content = paths.map((path) => resolve(project, path));
      mkdirSync(folder, { recursive: true });
      writeFileSync(
        join(folder, `${scope.node.addr}${CONTENT_SUFFIX}`),
        JSON.stringify(content.filter(isBelowProject)),
      );
      return [];
    },
  });
}

/** The sources of a bundle that CDK makes can be the whole project, whose modules count in any case. */
const isBelowProject = (path: string): boolean => {
  const below = relative(project, path);
  return below !== '' && below.split(sep)[0] !== '..' && !below.split(sep).includes('node_modules');
};
