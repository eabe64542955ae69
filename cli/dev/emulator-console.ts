import { relative } from 'node:path';
import { printableLines, quote, singleLine } from '../../lambda/core/support/untrusted-text.ts';
import { demoUsers } from '../../local/cognito/demo-users.ts';
import type { Emulator, Report } from '../../local/emulator.ts';
import { startCommand } from '../../local/start-command.ts';
import { diagnosticText } from '../../local/type-check/diagnostics.ts';
import type { TypeCheckOptions } from '../../local/type-check/type-check.ts';
import { clientCommands } from './client-commands.ts';

type ConsoleReport = Report & TypeCheckOptions['report'] & { started(): void; notice(lines: string[]): void };

/** `npx tsc` shows the others. */
const SHOWN_TYPE_ERRORS = 20;

/** Prints what the emulator does: for a person on standard output, with `--json` on standard error. */
export function consoleReport(json: boolean): ConsoleReport {
  const out = json ? process.stderr : process.stdout;
  const print = (line: string) => void out.write(`${line}\n`);
  /** On a terminal, the next line replaces it. */
  const printTransient = (line: string) => void out.write(out.isTTY ? `\r\x1b[K${line}` : `${line}\n`);
  return {
    progress: (step) => printTransient(`Starting: ${step} …`),
    started: () => void (out.isTTY && out.write('\r\x1b[K')),
    request({ method, path, status, durationMs, error }) {
      const cells = [method.padEnd(6), path, status || 'gone', `${Math.round(durationMs)} ms`, error];
      print(singleLine(cells.filter((cell) => cell !== undefined).join('  ')));
    },
    output: (functionName, line) => print((describedEvent(functionName, line) ?? line).replace(/^/gm, '    ')),
    notice: (lines) => lines.forEach((line) => void print(singleLine(line))),
    warning: (line) => print(singleLine(line)),
    rebuilding: (part) => print(part === 'server' ? 'Rebuilding …' : 'Running the CDK app …'),
    reloaded: (outcome) => print(`Sources changed: ${outcome}`),
    typeErrors(errors) {
      if (json) return print(JSON.stringify({ event: 'type_check', errors }));
      for (const error of errors.slice(0, SHOWN_TYPE_ERRORS)) print(singleLine(`Type error: ${diagnosticText(error)}`));
      const hidden = errors.length - SHOWN_TYPE_ERRORS;
      if (hidden > 0) print(`Type errors: ${hidden} more; npx tsc --noEmit prints them`);
      if (errors.length === 0) print('Type check passed');
    },
  };
}

/** The line in words, for an event whose remedy is at hand. */
const describedEvent = (functionName: string, line: string): string | undefined =>
  describedToolError(functionName, line) ?? describedDocumentFailure(functionName, line);

/** With the lines of the stack. */
function describedToolError(functionName: string, line: string): string | undefined {
  if (!/(Mcp|Worker)Function/.test(functionName) || !line.startsWith('{"event":"tool_failed"')) return undefined;
  const { tool, errorClass, message, stack = '' } = JSON.parse(line) as Record<string, unknown>;
  return printableLines(`Tool ${quote(String(tool))} failed: ${errorClass}: ${message}\n${stack}`);
}

/** Strangers chose the address of the document. */
function describedDocumentFailure(functionName: string, line: string): string | undefined {
  // Tools write whatever they like to the logs of the other functions.
  if (!/\bOAuthFunction/.test(functionName) || !line.startsWith('{"event":"client_document_failed"')) return undefined;
  const { url, host, fault, reason } = JSON.parse(line) as Record<'url' | 'host' | 'fault' | 'reason', string>;
  const failure = `Client ${quote(url)} cannot connect. Its document at ${singleLine(host)}: ${singleLine(reason)}.`;
  return fault === 'unreachable'
    ? `${failure}\nWithout access to the internet, start with: ${startCommand('-c clientDocuments=off')}`
    : failure;
}

/**
 * The URLs, users and commands of a started emulator.
 *
 * @param folder of its data; undefined if they are in memory
 */
export function welcome({ outputs, identityProvider }: Emulator, folder: string | undefined): string {
  const url = outputs.McpUrl!;
  const names = demoUsers.map(({ username }) => username);
  const admins = demoUsers.filter(({ admin }) => admin).map(({ username }) => username);
  const rows: [name: string, value: string | undefined][] = [
    ['MCP server', url],
    ['Dashboard', outputs.DashboardUrl],
    ['Sign in as', identityProvider && `${names.join(', ')} (password = user name); ${admins.join(', ')} is an admin`],
    ['Sign out', identityProvider && `${identityProvider.issuer}/logout`],
    ['Callback', identityProvider ? undefined : outputs.CallbackUrl],
    ['Data', folder === undefined ? 'in memory' : `${shortPath(folder)} (${startCommand('--fresh')} deletes it)`],
    ['', ''],
    ...clientCommands(url).flatMap(({ client, command, typed }): typeof rows => [
      [client, command],
      ['', typed && `${typed}   (in ${client})`],
    ]),
  ];
  const lines = rows.filter(([, value]) => value !== undefined).map(([name, value]) => `  ${name.padEnd(13)}${value}`);
  return `\n${lines.map((line) => line.trimEnd()).join('\n')}\n`;
}

/** Relative to the working directory, if it is below it. */
function shortPath(folder: string): string {
  const path = relative(process.cwd(), folder);
  return path.startsWith('..') ? folder : path;
}

/** The object that `--json` prints when the emulator is ready. */
export const readyDescription = ({ outputs, identityProvider }: Emulator) => ({
  ready: true,
  mcpUrl: outputs.McpUrl,
  issuer: identityProvider?.issuer,
  identityProvider: identityProvider ? 'local' : 'external',
  users: identityProvider ? demoUsers.map(({ username, admin }) => ({ username, password: username, admin })) : [],
  outputs,
  pid: process.pid,
});
