/** A request that cannot be fulfilled. The message says what to change; the command prints it without a stack. */
export class CreateError extends Error {
  override readonly name = 'CreateError';
}
