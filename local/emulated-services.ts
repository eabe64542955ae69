import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { AwsEnvironment } from './aws-api/aws-environment.ts';
import type { AwsService } from './aws-api/aws-service.ts';
import type { CleanupStack } from './cleanup-stack.ts';
import { type DynamoDb, startDynamoDb } from './dynamodb/dynamodb-service.ts';
import { type EnvironmentFile, secretsOf } from './environment-file.ts';
import { FunctionPrincipals, operatorPrincipal } from './iam/principals.ts';
import { roleStatements } from './iam/role-statements.ts';
import { type Kms, startKms } from './kms/kms-service.ts';
import type { RetrySeconds } from './lambda/event-queue.ts';
import { FunctionLogs } from './lambda/function-logs.ts';
import { type Lambda, startLambda } from './lambda/lambda-service.ts';
import { type Secrets, startSecrets } from './secrets-manager/secrets-service.ts';
import type { Resource, Template } from './template/template.ts';

/** The emulated AWS services, with common principals. */
export type EmulatedServices = {
  dynamoDb: DynamoDb;
  kms: Kms;
  secrets: Secrets;
  lambda: Lambda;
  /** The logs of the functions, as their roles permit them. */
  logs: FunctionLogs;
  /** Environment variables besides those of the template: of the file, the endpoints, and new credentials. */
  environmentOf(template: Template, logicalId: string): Record<string, string>;
  /** New credentials of the operator. @returns the access key id */
  operatorAccessKeyId(): string;
};

export type ServicesOptions = {
  /** The folder of tables, keys and events; without it they live as long as the process. */
  folder: string | undefined;
  /** Values of secrets, and variables of the owner's server. */
  environmentFile: EnvironmentFile;
  environment: AwsEnvironment;
  /** The pauses between the attempts of an event. */
  retrySeconds: RetrySeconds | undefined;
  /** Receives lines about dropped events. */
  log(functionName: string, line: string): void;
};

export async function startServices(
  { folder, environmentFile, environment, retrySeconds, log }: ServicesOptions,
  cleanups: CleanupStack,
): Promise<EmulatedServices> {
  const principals = new FunctionPrincipals(environment);
  const logs = new FunctionLogs(principals, environment);
  const closed = <S extends AwsService>(service: S): S => {
    cleanups.add(() => service.close());
    return service;
  };
  const kms = closed(await startKms({ folder, principals, environment }));
  const dynamoDb = closed(
    await startDynamoDb({
      folder: folder && join(folder, 'dynamodb'),
      principals,
      environment,
      authorizeKey: (caller, key) => kms.authorizeThrough('dynamodb', caller, key),
    }),
  );
  const secrets = closed(await startSecrets({ file: environmentFile, principals, environment }));
  const lambda = closed(
    await startLambda({ folder: folder && join(folder, 'events'), principals, environment, retrySeconds, log }),
  );
  return {
    dynamoDb,
    kms,
    secrets,
    lambda,
    logs,
    environmentOf(template, logicalId) {
      const accessKeyId = newAccessKeyId();
      const role = template.logicalIdOf(template.resource(logicalId).raw.Role);
      const statements = roleStatements(template, role);
      const functionName = template.ref(logicalId);
      principals.add(accessKeyId, { functionName, statements });
      const { Environment, LoggingConfig } = template.resource(logicalId).properties as FunctionProperties;
      logs.add(functionName, accessKeyId, LoggingConfig?.LogGroup ?? `/aws/lambda/${functionName}`);
      const { Variables = {} } = Environment ?? {};
      for (const { name, arn } of secretsOf(Variables)) secrets.add(name, arn);
      return {
        ...environmentFile.variablesFor(Variables),
        AWS_ACCESS_KEY_ID: accessKeyId,
        AWS_SECRET_ACCESS_KEY: randomBytes(20).toString('hex'),
        AWS_SESSION_TOKEN: 'local',
        AWS_ENDPOINT_URL_DYNAMODB: dynamoDb.endpoint,
        AWS_ENDPOINT_URL_KMS: kms.endpoint,
        AWS_ENDPOINT_URL_SECRETS_MANAGER: secrets.endpoint,
        AWS_ENDPOINT_URL_LAMBDA: lambda.endpoint,
      };
    },
    operatorAccessKeyId() {
      const accessKeyId = newAccessKeyId();
      principals.add(accessKeyId, operatorPrincipal);
      return accessKeyId;
    },
  };
}

/** Properties of a function. */
type FunctionProperties = {
  Environment?: { Variables?: Record<string, string> };
  LoggingConfig?: { LogGroup?: string };
};

const newAccessKeyId = () => `ASIA${randomBytes(16).toString('hex').toUpperCase()}`;

export const tableTypes = ['AWS::DynamoDB::Table', 'AWS::DynamoDB::GlobalTable'];

export const tablesOf = (template: Template): Resource[] => tableTypes.flatMap((type) => template.resources(type));

export async function createTables(dynamoDb: DynamoDb, template: Template): Promise<void> {
  for (const { logicalId, properties } of tablesOf(template)) {
    await dynamoDb.createTable(properties, template.ref(logicalId));
  }
}
