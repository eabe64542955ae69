import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { ConfigurationError } from '../../lib/settings/configuration-error.ts';
import type { TemplateJson } from './template.ts';

/** A stack as `cdk synth` wrote it. */
export type SynthesizedStack = {
  stackName: string;
  template: TemplateJson & { Outputs?: Record<string, { Value: unknown }> };
  /** The template's text: equal texts are equal deployments, because assets are named by their content. */
  text: string;
};

/**
 * Runs the CDK app of `cdk.json` in a process of its own, as the `cdk` command does, without the second that the command
 * itself takes.
 *
 * @param root the folder of `cdk.json`
 * @param output the folder of the cloud assembly
 * @throws Mistake with what the app printed
 */
export async function synthesize(root: string, output: string): Promise<void> {
  const { app, context = {} } = JSON.parse(readFileSync(join(root, 'cdk.json'), 'utf8'));
  const looked = join(root, 'cdk.context.json');
  const lookedUp = existsSync(looked) ? JSON.parse(readFileSync(looked, 'utf8')) : {};
  const child = spawn(String(app), {
    shell: true,
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      // The app's `node` is this one.
      PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH ?? ''}`,
      CDK_OUTDIR: output,
      CDK_CONTEXT_JSON: JSON.stringify({ ...lookedUp, ...context }),
    },
  });
  const exited = new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
  const [printed, problems, status] = await Promise.all([text(child.stdout), text(child.stderr), exited]);
  if (status === 0) return;
  const lines = `${printed}${problems}`.split('\n').filter((line) => !line.startsWith('Bundling asset '));
  throw new ConfigurationError(`The stack cannot be built:\n${lines.join('\n').trim()}`);
}

/**
 * The one stack of a cloud assembly.
 *
 * @throws Mistake if there is none, or more than one
 */
export function readAssembly(assembly: string): SynthesizedStack {
  const manifest = join(assembly, 'manifest.json');
  if (!existsSync(manifest))
    throw new ConfigurationError(`${assembly} is not a cloud assembly: it has no manifest.json`);
  type Artifact = { type: string; properties?: { templateFile: string; stackName?: string } };
  const artifacts: Record<string, Artifact> = JSON.parse(readFileSync(manifest, 'utf8')).artifacts ?? {};
  const stacks = Object.entries(artifacts).filter(([, { type }]) => type === 'aws:cloudformation:stack');
  const [stack] = stacks;
  if (stack === undefined || stacks.length > 1) {
    throw new ConfigurationError(`The app has ${stacks.length} stacks, and exactly one can be run locally`);
  }
  const [id, { properties }] = stack;
  const template = readFileSync(join(assembly, properties!.templateFile), 'utf8');
  return { stackName: properties!.stackName ?? id, template: JSON.parse(template), text: template };
}
