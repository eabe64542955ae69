import { ConfigurationError } from '../lib/settings/configuration-error.ts';

/** A command that cannot be carried out as it was given: the exit code is 2, and the message says what to write. */
export class UsageError extends ConfigurationError {}
