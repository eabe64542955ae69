import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Resource } from '../template/template.ts';

/**
 * The folder of the code of a function or a layer. The metadata that the CDK command writes names it; without them the
 * asset manifest does, by the S3 key.
 *
 * @param assembly the folder of the cloud assembly
 */
export function assetOf({ logicalId, properties, metadata }: Resource, assembly: string): string {
  const path =
    metadata['aws:asset:path'] ??
    assetByKey(((properties.Code ?? properties.Content) as { S3Key?: string }).S3Key, assembly);
  if (typeof path !== 'string') throw new Error(`${logicalId}: its code is not an asset of ${assembly}`);
  const folder = resolve(assembly, path);
  if (!existsSync(folder)) throw new Error(`${logicalId}: its asset ${folder} does not exist`);
  return folder;
}

function assetByKey(key: string | undefined, assembly: string): string | undefined {
  type Manifest = {
    files: Record<string, { source: { path?: string }; destinations: Record<string, { objectKey: string }> }>;
  };
  for (const name of readdirSync(assembly).filter((file) => file.endsWith('.assets.json'))) {
    const { files }: Manifest = JSON.parse(readFileSync(join(assembly, name), 'utf8'));
    for (const { source, destinations } of Object.values(files)) {
      if (Object.values(destinations).some(({ objectKey }) => objectKey === key)) return source.path;
    }
  }
  return undefined;
}
