/** An error in the configuration. The message states what is wrong and what to change, so programs print it alone. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
}
