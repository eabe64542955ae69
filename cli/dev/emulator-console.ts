import { relative } from 'node:path';
import { printableJson, printableLines, quote, shorten, singleLine } from '../../lambda/core/support/untrusted-text.ts';
import { countedEvents, METRIC_DIMENSION } from '../../lambda/shared/metric-names.ts';
import type { JsonRpcCall } from '../../local/api-gateway/json-rpc-call.ts';
import { demoUsers } from '../../local/cognito/demo-users.ts';
import type { Emulator, Report } from '../../local/emulator.ts';
import { startCommand } from '../../local/start-command.ts';
import { diagnosticText } from '../../local/type-check/diagnostics.ts';
import type { TypeCheckOptions } from '../../local/type-check/type-check.ts';
import { clientCommands } from './client-commands.ts';

type ConsoleReport = Report & TypeCheckOptions['report'] & { started(): void; notice(lines: string[]): void };

/** `npx tsc` shows the others. */
const SHOWN_TYPE_ERRORS = 20;

/** Characters of a method with its tool. */
const LONGEST_NAME = 80;

/** Prints what the emulator does: for a person on standard output, with `--json` on standard error. */
export function consoleReport(json: boolean): ConsoleReport {
  const out = json ? process.stderr : process.stdout;
  /** Requests whose call is printed, in place of the HTTP request. */
  const printedCalls = new NameCounts();
  const print = (line: string) => void out.write(`${line}\n`);
  /** On a terminal, the next line replaces it. */
  const printTransient = (line: string) => void out.write(out.isTTY ? `\r\x1b[K${line}` : `${line}\n`);
  return {
    progress: (step) => printTransient(`Starting: ${step} …`),
    started: () => void (out.isTTY && out.write('\r\x1b[K')),
    request(entry) {
      const name = entry.call && nameOf(entry.call);
      const isPrinted = printedCalls.delete(name) && entry.status === 200 && entry.error === undefined;
      if (isPrinted) return;
      const { method, path, status, durationMs, error } = entry;
      const cells = [method.padEnd(6), path, name, status || 'gone', `${Math.round(durationMs)} ms`, error];
      print(singleLine(cells.filter((cell) => cell !== undefined).join('  ')));
    },
    call(call) {
      if (json) return print(printableJson({ event: 'call_logged', ...call }));
      const { user, client, outcome, milliseconds } = call;
      printedCalls.add(nameOf(call));
      print(singleLine(`${nameOf(call)} (${user}, ${client}) ${outcome} ${milliseconds} ms`));
    },
    output(functionName, line) {
      const text = json ? line : describedLine(functionName, line);
      if (text !== undefined) print(text.replace(/^/gm, '    '));
    },
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

/** `tools/call note` */
const nameOf = ({ method, tool }: JsonRpcCall): string =>
  shorten(tool === undefined ? method : `${method} ${tool}`, LONGEST_NAME);

/** Calls by name that are printed, and whose requests have not ended. */
class NameCounts {
  readonly #counts = new Map<string, number>();

  add(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  /** @returns whether there was one */
  delete(name: string | undefined): boolean {
    const count = name === undefined ? 0 : (this.#counts.get(name) ?? 0);
    if (count > 0) this.#counts.set(name!, count - 1);
    return count > 0;
  }
}

/** The line in words if it is an event of Holdfast. @returns undefined for a line of metrics, which CloudWatch reads */
function describedLine(functionName: string, line: string): string | undefined {
  const event = eventIn(line);
  if (event === undefined) return line;
  if (event._aws !== undefined && !Object.hasOwn(countedEvents, String(event.event))) return undefined;
  return (
    describedToolError(functionName, line) ?? describedDocumentFailure(functionName, line) ?? describedEvent(event)
  );
}

/** The object of a structured log line (`lambda/adapters/logging/structured-log.ts`), or of a line of metrics. */
function eventIn(line: string): Record<string, unknown> | undefined {
  if (!/^\{"(event|_aws)":/.test(line)) return undefined;
  try {
    return JSON.parse(line);
  } catch {
    // A tool writes what it likes.
    return undefined;
  }
}

/** The name of the event, and a sentence for each fact: `Audit write failed. Call: 4f…. Cause: timeout.` */
function describedEvent({ event, requestId, viewer, session, trace, _aws, ...facts }: Record<string, unknown>): string {
  const name = singleLine(String(event).replaceAll('_', ' '));
  const sentences = Object.entries(facts)
    .filter(([fact]) => fact !== METRIC_DIMENSION && fact !== event)
    .map(([fact, value]) => `${capitalized(singleLine(fact))}: ${factText(fact, value)}`);
  return [capitalized(name), ...sentences].map((each) => each.replace(/\.?$/, '.')).join(' ');
}

/** An `error` has the lines of a stack. */
function factText(fact: string, value: unknown): string {
  const text = typeof value === 'string' ? value : printableJson(value);
  return fact === 'error' ? printableLines(text) : singleLine(text);
}

const capitalized = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

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
