import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { EMULATOR_VARIABLE } from '../../lib/package-files.ts';
import { ConfigurationError } from '../../lib/settings/configuration-error.ts';
import { readJson } from './cloud-assembly.ts';

/**
 * Runs the CDK app of `cdk.json` in a child process, as the `cdk` command does, without the second that the command itself
 * takes.
 *
 * @param project the folder of `cdk.json`
 * @param output the folder of the cloud assembly
 * @param given context that comes before that of the files
 * @param variables of the environment, in addition to those of this process
 * @returns warnings about the sources
 * @throws ConfigurationError with the output of the app, or without a `cdk.json` that names an app
 */
export async function synthesize(
  project: string,
  output: string,
  given: Record<string, unknown> = {},
  variables: Record<string, string> = { [EMULATOR_VARIABLE]: 'true' },
): Promise<string[]> {
  const settings = join(project, 'cdk.json');
  if (!existsSync(settings)) {
    throw new ConfigurationError(`${project} has no cdk.json; run the command in the folder of your CDK app`);
  }
  const { app, context = {} } = readJson(settings);
  if (typeof app !== 'string') throw new ConfigurationError(`${settings} has no "app", the command of your CDK app`);
  const contextFile = join(project, 'cdk.context.json');
  const cachedContext = existsSync(contextFile) ? readJson(contextFile) : {};
  const child = spawn(app, {
    shell: true,
    cwd: project,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      // The app runs on the same Node.js as this process.
      PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH ?? ''}`,
      CDK_OUTDIR: output,
      CDK_CONTEXT_JSON: JSON.stringify({ ...cachedContext, ...context, ...given }),
      // The app's CloudFormation validation takes most of its time and only warns; `cdk synth` and `cdk deploy` run it.
      CDK_VALIDATION: 'false',
      // The emulator decides account and region, as CloudFormation does of a template without them.
      CDK_DEFAULT_ACCOUNT: undefined,
      CDK_DEFAULT_REGION: undefined,
      ...variables,
    },
  });
  const exited = new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
  const [stdout, stderr, status] = await Promise.all([text(child.stdout), text(child.stderr), exited]);
  if (status === 0) return stderr.split('\n').filter((line) => line.startsWith('Warning: '));
  const lines = `${stdout}${stderr}`.split('\n').filter((line) => !line.startsWith('Bundling asset '));
  throw new ConfigurationError(`The stack cannot be built:\n${withoutFramesOfHoldfast(lines.join('\n').trim())}`);
}

/** Node.js prints the error that an app does not catch between the line of the throw and all frames. */
const uncaught = /^file:.*\n[\s\S]*?\nConfigurationError: (?<message>[\s\S]*?)(?<frames>(?:\n {4}at .*)+)[\s\S]*$/m;

/** A configuration error says what to change: it is printed alone, with the line of the owner's app. */
export function withoutFramesOfHoldfast(output: string): string {
  const { message, frames = '' } = uncaught.exec(output)?.groups ?? {};
  if (message === undefined) return output;
  const owners = frames.split('\n').find((frame) => /file:|\//.test(frame) && !/node_modules|node:/.test(frame));
  return owners === undefined ? message : `${message}\n${owners}`;
}
