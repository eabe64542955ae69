import type { Command } from 'commander';
import type { PreflightOptions } from '../preflight/preflight-run.ts';
import { contextArgument, parseTimeout } from './command-options.ts';

export function addPreflight(program: Command): void {
  program
    .command('preflight')
    .description('check the AWS account before a deployment, and say how to fix each finding')
    .option('--stack <name>', 'a stack of the app, or STACK/CONSTRUCT (default: the only deployment)')
    .option('--region <region>', 'AWS region of a stack without one (default: as for the AWS CLI)')
    .option('-c, --context <name=value>', 'a setting, as of cdk deploy; may be repeated', contextArgument)
    .option('--timeout <seconds>', 'for each request', parseTimeout, 10)
    .option('--json', 'one JSON object on standard output, everything else on standard error')
    .addHelpText(
      'after',
      `
Synthesizes the CDK app of the working directory, and reads the account with the credentials of the AWS CLI. It
changes nothing.

Exit codes: 0 no check failed (warnings are possible), 1 a check failed, 2 the checks could not run.

Examples:
  $ npx holdfast preflight
  $ npx holdfast preflight -c stage=prod --region eu-central-1
  $ npx holdfast preflight --json | jq '.findings[] | select(.verdict == "fail")'`,
    )
    .action(async (options: PreflightOptions) => (await import('../preflight/preflight-run.ts')).runPreflight(options));
}
