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
      '--progress-tool <name>',
      'for --sign-in: a tool without required arguments that reports progress for a second (default: verify_wait)',
    )
    .option(
      '--api-host <host>',
      'also check that <api id>.execute-api.<region>.amazonaws.com rejects callers',
      parseHost,
    )
    .option('--timeout <seconds>', 'for each request', parseTimeout, 10)
    .addOption(
      new Option('--watch', 'repeat the checks until Ctrl+C, and print those whose verdict changes').conflicts([
        'register',
        'signIn',
      ]),
    )
    .option('--interval <seconds>', 'for --watch: pause between two rounds, 10 or more', parseInterval, 60)
    .option('--json', 'one JSON object on standard output, everything else on standard error')
    .addHelpText(
      'after',
      `
Exit codes: 0 no check failed (warnings are possible), 1 a check failed, 2 the checks could not run. With --watch, that of
the last round.

Examples:
  $ npx holdfast doctor --stack Holdfast-prod
  $ npx holdfast doctor https://mcp.example.com/mcp --register --sign-in
  $ npx holdfast doctor --stack Holdfast-prod --watch --json >> status.jsonl
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

const SHORTEST_INTERVAL_SECONDS = 10;
const LONGEST_INTERVAL_SECONDS = 86_400;

function parseInterval(text: string): number {
  const seconds = Number(text);
  if (seconds >= SHORTEST_INTERVAL_SECONDS && seconds <= LONGEST_INTERVAL_SECONDS) return seconds;
  throw new InvalidArgumentError(`Pass seconds from ${SHORTEST_INTERVAL_SECONDS} to ${LONGEST_INTERVAL_SECONDS}.`);
}

function parseHost(text: string): string {
  if (URL.parse(`https://${text}`)?.host === text) return text;
  throw new InvalidArgumentError('Pass the host alone, without scheme and path.');
}
