import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { synthesize } from '../../local/template/synthesis.ts';
import { ProjectCopy, projectRoot, sourcesOfProject } from './project-copy.ts';

/** The resources of a template. */
// biome-ignore lint/suspicious/noExplicitAny: a template is JSON whose shape differs by type
export type Resources = Record<string, { Type: string; Properties: any }>;

/** An edit of the project's sources, as an owner makes it. */
export type Edit = readonly [file: string, passage: string, replacement: string];

const cache = join(projectRoot, 'node_modules', '.cache', 'holdfast-assemblies');

/**
 * The cloud assembly of the project with the fixture server, synthesized once for equal sources and edits. It is shared:
 * start an emulator on a copy (`changed`) to write to it.
 */
export async function assemblyOfSources(edits: readonly Edit[] = []): Promise<string> {
  const folder = join(cache, hashOfSources(edits));
  if (existsSync(folder)) return folder;
  const project = edits.length > 0 ? new ProjectCopy() : undefined;
  const unfinished = mkdtempSync(join(tmpdir(), 'holdfast-assembly-'));
  try {
    for (const edit of edits) project!.edit(...edit);
    await withFixture(() => synthesize(project?.root ?? projectRoot, unfinished));
    mkdirSync(cache, { recursive: true });
    // Renamed when it is complete: another process may synthesize the same sources at the same time.
    const complete = mkdtempSync(`${folder}-`);
    cpSync(unfinished, complete, { recursive: true });
    try {
      renameSync(complete, folder);
    } catch (error) {
      rmSync(complete, { recursive: true });
      if (!existsSync(folder)) throw error;
    }
    return folder;
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
    project?.remove();
  }
}

/** Runs the CDK app under the condition by which `#server` and `#scopes` are the fixtures (`imports` of package.json). */
async function withFixture(work: () => Promise<unknown>): Promise<void> {
  const { NODE_OPTIONS } = process.env;
  if (NODE_OPTIONS?.includes('--conditions=fixture')) {
    await work();
    return;
  }
  process.env.NODE_OPTIONS = `${NODE_OPTIONS ?? ''} --conditions=fixture`.trim();
  try {
    await work();
  } finally {
    if (NODE_OPTIONS === undefined) delete process.env.NODE_OPTIONS;
    else process.env.NODE_OPTIONS = NODE_OPTIONS;
  }
}

function hashOfSources(edits: readonly Edit[]): string {
  const hash = createHash('sha256').update(JSON.stringify(edits));
  const patterns = [...sourcesOfProject.flatMap((path) => [path, `${path}/**`]), 'package-lock.json'];
  for (const file of globSync(patterns, { cwd: projectRoot }).sort()) {
    const path = join(projectRoot, file);
    if (statSync(path).isFile()) hash.update(file).update(readFileSync(path));
  }
  return hash.digest('hex');
}

/**
 * A copy of the assembly with a changed template. It refers to the assets of the original, so that Node.js finds them in
 * its compile cache. The caller removes it.
 */
export function changed(assembly: string, change: (resources: Resources) => void): string {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-assembly-'));
  cpSync(assembly, folder, { recursive: true, filter: (path) => !basename(path).startsWith('asset.') });
  changeJson<{ Resources: Resources }>(join(folder, 'Holdfast.template.json'), ({ Resources }) => change(Resources));
  changeJson<{ files: Record<string, { source: { path: string } }> }>(
    join(folder, 'Holdfast.assets.json'),
    ({ files }) => {
      for (const { source } of Object.values(files)) source.path = resolve(assembly, source.path);
    },
  );
  return folder;
}

function changeJson<T>(file: string, change: (content: T) => void): void {
  const content: T = JSON.parse(readFileSync(file, 'utf8'));
  change(content);
  writeFileSync(file, JSON.stringify(content));
}

/** Raises the rate limits of the gateway, which would otherwise reject requests of a test or a benchmark. */
export function withoutThrottling(resources: Resources): void {
  const stage = Object.values(resources).find(({ Type }) => Type === 'AWS::ApiGateway::Stage')!;
  for (const setting of stage.Properties.MethodSettings) {
    Object.assign(setting, { ThrottlingRateLimit: 10_000, ThrottlingBurstLimit: 10_000 });
  }
}

/** Replaces a string wherever the template has it, such as the issuer that the sources were synthesized with. */
export function replaceText(resources: Resources, text: string, replacement: string): void {
  for (const [id, resource] of Object.entries(resources)) {
    resources[id] = JSON.parse(JSON.stringify(resource).replaceAll(text, replacement));
  }
}

/** Sets environment variables of the functions whose logical ids begin with the name of the construct. */
export function setVariables(resources: Resources, construct: string, variables: Record<string, string>): void {
  const found = Object.entries(resources).filter(
    ([id, { Type }]) => Type === 'AWS::Lambda::Function' && id.startsWith(construct),
  );
  if (found.length === 0) throw new Error(`The template has no function ${construct}`);
  for (const [, { Properties }] of found) Object.assign(Properties.Environment.Variables, variables);
}
