import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import { secretArnSyntax } from './identity-provider-settings.ts';
import { hasSyntax, quoted } from './setting-validation.ts';

/** A secret of Secrets Manager, or its complete ARN. For a secret with a customer managed key, pass the secret with its key. */
export type SecretSource = ISecret | string;

/** The secrets of your server. */
export interface SecretSettings {
  /**
   * Secrets of Secrets Manager that tools read by name: `await context.secret('STRIPE_KEY')`. The environment of the
   * functions has the ARN alone. Their roles receive `secretsmanager:GetSecretValue` for each secret, and `kms:Decrypt` for
   * its `encryptionKey`. In the local emulator, the values are lines of `.env`.
   * @default - none
   */
  readonly secrets?: Readonly<Record<string, SecretSource>>;
}

/** A name that can be part of an environment variable and of a line of `.env`. */
const nameSyntax = /^[A-Za-z][A-Za-z0-9_]*$/;

/** Yields an error message for each invalid secret. */
export function* validateSecrets({ secrets = {} }: SecretSettings): Generator<string> {
  for (const [name, secret] of Object.entries(secrets)) yield* validateSecret(name, secret);
}

export function* validateSecret(name: string, secret: SecretSource): Generator<string> {
  if (!nameSyntax.test(name)) {
    yield `secrets has ${quoted(name)}: choose a name of letters, digits and _, such as STRIPE_KEY`;
  }
  // The value may be the secret itself, so the message does not repeat it.
  if (typeof secret === 'string' && !hasSyntax(secretArnSyntax, secret)) {
    yield `secrets.${name} is not a complete ARN: store the secret in Secrets Manager and give its ARN`;
  }
}
