import {
  DescribeSecretCommand,
  GetSecretValueCommand,
  ResourceNotFoundException,
  SecretsManagerClient,
  type SecretsManagerClientConfig,
} from '@aws-sdk/client-secrets-manager';

/** Secrets Manager, in the region of each secret. */
export class StoredSecrets {
  readonly #configuration: SecretsManagerClientConfig;

  constructor(configuration: SecretsManagerClientConfig) {
    this.#configuration = configuration;
  }

  /** @returns the problem that the functions would have; `undefined` when the secret has a value */
  async problemOf(arn: string): Promise<string | undefined> {
    try {
      const { DeletedDate, VersionIdsToStages = {} } = await this.#client(arn).send(
        new DescribeSecretCommand({ SecretId: arn }),
      );
      if (DeletedDate !== undefined) return 'is scheduled for deletion';
      const hasValue = Object.values(VersionIdsToStages).some((stages) => stages.includes('AWSCURRENT'));
      return hasValue ? undefined : 'has no value';
    } catch (error) {
      if (error instanceof ResourceNotFoundException) return 'does not exist';
      throw error;
    }
  }

  /** @returns an empty text for a binary value, which the functions do not read */
  async value(arn: string): Promise<string> {
    return (await this.#client(arn).send(new GetSecretValueCommand({ SecretId: arn }))).SecretString ?? '';
  }

  #client(arn: string): SecretsManagerClient {
    return new SecretsManagerClient({ ...this.#configuration, region: arn.split(':')[3]! });
  }
}
