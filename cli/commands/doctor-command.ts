import { type Command, InvalidArgumentError, Option } from 'commander';
import type { DoctorOptions } from '../doctor/doctor-run.ts';
import type { DeploymentSelection } from '../target/deployment-location.ts';
import { parseTimeout, parseUrl, STACK_DESCRIPTION } from './command-options.ts';

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('check a deployment as MCP clients see it, and say how to fix each finding')
    .argument('[url]', 'URL of the MCP server (instead of a deployment)', parseUrl)
    .optionsGroup('Deployment:')
    .option('--stack <name>', STACK_DESCRIPTION)
    .option('--region <region>', 'AWS region of the stack (default: as for the AWS CLI)')
    .addOption(
      new Option('--local', 'the local emulator on the data folder HOLDFAST_DATA (.holdfast)').conflicts([
        'stack',
        'region',
      ]),
    )
    .optionsGroup('Options:')
    .option('--register', 'also register a client, as most clients do; it expires unless it is used')
    .option('--sign-in', 'also sign in with a browser, call the server in both eras, and revoke the token')
    .option('--client-id <id>', 'for --sign-in: a pre-registered client instead of a newly registered one')
    .option(
      '--api-host <host>',
      'also check that <api id>.execute-api.<region>.amazonaws.com rejects callers',
      parseHost,
    )
    .option('--timeout <seconds>', 'for each request', parseTimeout, 10)
    .option('--json', 'one JSON object on standard output, everything else on standard error')
    .addHelpText(
      'after',
      `
Exit codes: 0 no check failed (warnings are possible), 1 a check failed, 2 the checks could not run.

Examples:
  $ npx holdfast doctor --stack Holdfast-prod
  $ npx holdfast doctor https://mcp.example.com/mcp --register --sign-in
  $ npx holdfast doctor http://127.0.0.1:8787/mcp --json | jq '.findings[] | select(.verdict == "fail")'`,
    )
    .action(async (given: string | undefined, options: DoctorOptions & DeploymentSelection, command: Command) => {
      const { local, stack, region } = options;
      const selected = local || stack !== undefined || region !== undefined;
      if ((given === undefined) !== selected)
        command.error('error: pass either a URL or a deployment (--stack, --local)');
      const url = given ?? (await locate(options)).marker.mcpUrl;
      await (await import('../doctor/doctor-run.ts')).runDoctor(url, options);
    });
}

const locate = async (selection: DeploymentSelection) =>
  (await import('../target/deployment-location.ts')).locateDeployment(selection);

function parseHost(text: string): string {
  if (URL.parse(`https://${text}`)?.host === text) return text;
  throw new InvalidArgumentError('Pass the host alone, without scheme and path.');
}
