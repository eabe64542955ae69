import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import { parseEnv } from 'node:util';
import { mcpVariables, secretVariable } from '../lambda/shared/environment.ts';

/** An editor's save is seen after this time at the latest. */
const POLL_MS = 300;

/**
 * The file `.env` of a project: values of secrets, and environment variables of the functions that run the owner's server.
 * Each access reads it, so that a change needs no restart.
 */
export class EnvironmentFile {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** @returns the value of a line; undefined without the line or the file */
  value(name: string): string | undefined {
    return this.#read()[name];
  }

  /**
   * The variables of the file for a function, in place of those of its template.
   *
   * @param variables those of its template
   * @returns none for a function that does not run the owner's server. Neither secrets, nor variables of Holdfast
   */
  variablesFor(variables: Record<string, string>): Record<string, string> {
    if (!runsServer(variables)) return {};
    const secrets = new Set(secretsOf(variables).map(({ name }) => name));
    return Object.fromEntries(
      Object.entries(this.#read()).filter(([name]) => !secrets.has(name) && !belongsToHoldfast(name)),
    );
  }

  /** The names of the file that have no effect, because Holdfast sets these variables. */
  ignoredNames(): string[] {
    return Object.keys(this.#read()).filter(belongsToHoldfast);
  }

  /** Calls `onChange` after each change of the content. @returns stops watching */
  watch(onChange: () => void): () => void {
    let last = JSON.stringify(this.#read());
    const compare = () => {
      const current = JSON.stringify(this.#read());
      if (current === last) return;
      last = current;
      onChange();
    };
    watchFile(this.path, { interval: POLL_MS }, compare);
    return () => unwatchFile(this.path, compare);
  }

  #read(): Record<string, string> {
    try {
      return { ...parseEnv(readFileSync(this.path, 'utf8')) } as Record<string, string>;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
      throw error;
    }
  }
}

/** Variables with the ARNs of Holdfast's own secrets. */
const holdfastSecrets = new Set(['IDP_CLIENT_SECRET_ARN', 'IDP_EXCHANGE_CLIENT_SECRET_ARN', 'TELEMETRY_HEADERS_ARN']);

/** The secrets whose ARNs a function has, by the names of their lines in `.env`. */
export function secretsOf(variables: Record<string, string>): { name: string; arn: string }[] {
  const prefix = secretVariable('');
  return Object.entries(variables).flatMap(([variable, arn]) => {
    if (variable.startsWith(prefix)) return [{ name: variable.slice(prefix.length), arn }];
    return holdfastSecrets.has(variable) ? [{ name: variable.replace(/_ARN$/, ''), arn }] : [];
  });
}

/** The MCP function and its worker have all variables that these functions require. */
const runsServer = (variables: Record<string, string>): boolean =>
  Object.entries(mcpVariables).every(([name, variable]) => 'optional' in variable || name in variables);

const belongsToHoldfast = (name: string): boolean =>
  Object.hasOwn(mcpVariables, name) || name.startsWith(secretVariable(''));
