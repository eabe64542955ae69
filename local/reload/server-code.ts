import { existsSync, mkdirSync, readdirSync, realpathSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type BuildRecord, readBuildRecord } from '../../lib/bundle/build-record.ts';
import { bundleServer } from '../../lib/bundle/server-bundle.ts';
import { ConfigurationError } from '../../lib/settings/configuration-error.ts';
import { assetOf } from '../lambda/function-asset.ts';
import type { Template } from '../template/template.ts';

/** Functions that share one bundle with an owner's server, and how the bundle was built. */
export type ServerCode = {
  logicalIds: string[];
  record: BuildRecord;
  /** The folder of the code that runs. */
  folder: string;
  /** The path of the bundle in the folder. */
  bundle: string;
};

/**
 * The functions of a template that contain an owner's server.
 *
 * @param assembly the folder of the cloud assembly
 * @param records the folder of the build records
 */
export function findServerCode(template: Template, assembly: string, records: string): ServerCode[] {
  const found = new Map<string, ServerCode>();
  for (const resource of template.resources('AWS::Lambda::Function')) {
    const folder = assetOf(resource, assembly);
    const bundle = join(dirname(String(resource.properties.Handler)), 'index.cjs');
    const file = join(folder, bundle);
    const record = existsSync(file) ? readBuildRecord(records, file) : undefined;
    if (record === undefined) continue;
    const code = found.get(folder) ?? { logicalIds: [], record, folder, bundle };
    code.logicalIds.push(resource.logicalId);
    found.set(folder, code);
  }
  return [...found.values()];
}

/**
 * Builds the bundle again.
 *
 * @param warn receives a line for each warning of the build
 * @returns the code in another folder, with the other files of the asset
 * @throws ConfigurationError with a line for each error of the build
 */
export function rebuild(code: ServerCode, assembly: string, warn: (line: string) => void): ServerCode {
  // Two folders in turn: the code that runs stays as it is.
  const names = [0, 1].map((turn) => `reload-${code.logicalIds[0]}-${turn}`);
  const folder = join(assembly, names.find((name) => name !== basename(code.folder))!);
  rmSync(folder, { recursive: true, force: true });
  const bundle = join(folder, code.bundle);
  mkdirSync(dirname(bundle), { recursive: true });
  const { errors, warnings, modules, split } = bundleServer(code.record.build, bundle);
  if (errors.length > 0) throw new ConfigurationError(errors.join('\n'));
  for (const line of warnings) warn(`Warning: ${line}`);
  // A bundle in several files is alone in its asset, and names its files by their content.
  if (split === undefined) linkOthers(code.folder, folder);
  return { ...code, folder, record: { ...code.record, modules } };
}

/** Links the files of a folder that the other folder does not have. */
function linkOthers(from: string, to: string): void {
  for (const name of readdirSync(from)) {
    // The asset's own file: the folder in between is deleted later.
    const target = realpathSync(join(from, name));
    const link = join(to, name);
    const isFolder = statSync(target).isDirectory();
    if (!existsSync(link)) symlinkSync(target, link, isFolder ? 'junction' : 'file');
    else if (isFolder) linkOthers(target, link);
  }
}
