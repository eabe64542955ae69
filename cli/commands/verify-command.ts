import { type Command, InvalidArgumentError, Option } from 'commander';
import type { VerifyOptions } from '../verify/verify-run.ts';
import { parseUrl } from './command-options.ts';

export function addVerify(program: Command): void {
  program
    .command('verify')
    .description('check on AWS, in some minutes, what the local emulator cannot show, and print a report')
    .argument('<url>', 'URL of the MCP server', parseUrl)
    .option('--silence <seconds>', 'how long the silent tool waits, up to 600', parseSilence, 130)
    .addOption(
      new Option('--token <token>', 'an access token instead of a sign-in; it is not revoked').conflicts(['clientId']),
    )
    .option('--client-id <id>', 'a pre-registered client instead of a newly registered one')
    .option('--json', 'one JSON object on standard output, everything else on standard error')
    .addHelpText(
      'after',
      `
Exit codes: 0 no check failed, 1 a check failed, 2 the checks could not run, 130 interrupted with Ctrl+C.
The report is Markdown, on standard output. It has no token, no host name and no user.

Examples:
  $ npx holdfast verify https://mcp.example.com/mcp > report.md
  $ npx holdfast verify http://127.0.0.1:8787/mcp --silence 12`,
    )
    .action(async (url: string, options: VerifyOptions) => {
      await (await import('../verify/verify-run.ts')).runVerify(url, options);
    });
}

const LONGEST_SILENCE_SECONDS = 600;

function parseSilence(text: string): number {
  const seconds = Number(text);
  if (seconds > 0 && seconds <= LONGEST_SILENCE_SECONDS) return seconds;
  throw new InvalidArgumentError(`Pass seconds above 0 and up to ${LONGEST_SILENCE_SECONDS}.`);
}
