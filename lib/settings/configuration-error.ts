/** Something that the owner has to mend. The message says where and how, so the program prints it alone. */
export class ConfigurationError extends Error {
  override readonly name = 'Mistake';
}
