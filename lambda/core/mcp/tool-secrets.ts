import type { Clock } from '../support/clock.ts';
import type { Logger } from '../support/logger.ts';

/** After this time a secret is read again, so that a rotation arrives without a deployment. */
const REFRESH_MILLISECONDS = 5 * 60_000;
/** The pause after a failed refresh, during which the previous value is used. */
const RETRY_MILLISECONDS = 30_000;

/** The value of a secret in this process. Times are epoch milliseconds. */
type ReadSecret = { value: string; refreshAt: number };

export type ToolSecretsDependencies = {
  /** ARNs of the secrets by their names. */
  arns: ReadonlyMap<string, string>;
  /** Reads the current value of a secret. Throws `ServiceUnavailableError` when its store does not answer. */
  read: (arn: string) => Promise<string>;
  clock: Clock;
  log: Logger;
};

/** The secrets of the owner's tools. Each is read once in a process, and again every few minutes while it is in use. */
export class ToolSecrets {
  readonly #dependencies: ToolSecretsDependencies;
  readonly #known = new Map<string, ReadSecret>();
  /** Reads in progress: parallel calls share one. */
  readonly #reading = new Map<string, Promise<string>>();

  constructor(dependencies: ToolSecretsDependencies) {
    this.#dependencies = dependencies;
  }

  /** @throws UnknownSecretError; an error of `read` when no earlier value exists */
  async get(name: string): Promise<string> {
    const { arns, clock } = this.#dependencies;
    const arn = arns.get(name);
    if (arn === undefined) throw new UnknownSecretError(name);
    const known = this.#known.get(name);
    if (known && clock.now() < known.refreshAt) return known.value;
    let reading = this.#reading.get(name);
    if (!reading) {
      reading = this.#refresh(name, arn, known).finally(() => this.#reading.delete(name));
      this.#reading.set(name, reading);
    }
    return reading;
  }

  async #refresh(name: string, arn: string, known: ReadSecret | undefined): Promise<string> {
    const { read, clock, log } = this.#dependencies;
    try {
      const value = await read(arn);
      this.#known.set(name, { value, refreshAt: clock.now() + REFRESH_MILLISECONDS });
      return value;
    } catch (error) {
      if (!known) throw error;
      const cause = error instanceof Error ? (error.cause ?? error) : error;
      log('secret_refresh_failed', { secret: name, cause: String(cause) });
      known.refreshAt = clock.now() + RETRY_MILLISECONDS;
      return known.value;
    }
  }
}

/** The stack gives the server no secret of this name. */
export class UnknownSecretError extends Error {
  override readonly name = 'UnknownSecretError';

  constructor(secret: string) {
    super(`Unknown secret ${JSON.stringify(secret)}; add it to the setting \`secrets\` of the stack`);
  }
}
